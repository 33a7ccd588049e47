"""Nested cross-validation, the ladder from one number to all blocks, and the choice between its rungs."""
