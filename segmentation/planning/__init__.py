"""What a network is to be and how it is to learn: the plan, and the rules that derive one from data."""
