"""How many cases are needed, and how much does a small sample flatter?"""
