"""What a model reads: feature columns, and the preprocessing learned on training rows only."""
