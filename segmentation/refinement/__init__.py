"""What follows a network: random fields and rules for pieces."""
