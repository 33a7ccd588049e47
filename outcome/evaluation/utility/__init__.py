"""What is acting on a risk worth, and what became of each risk group?"""
