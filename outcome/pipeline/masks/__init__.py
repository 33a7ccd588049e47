"""Masks that networks draw for a study: who learns from whom, how well they agree, what people said of them."""
