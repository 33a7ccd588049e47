"""Training: cases, losses, steps, checks, splits and search."""
