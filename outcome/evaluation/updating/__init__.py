"""How much of a frozen model must be changed for other patients?"""
