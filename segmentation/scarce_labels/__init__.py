"""Learning from few masks: images without them, other data, and made-up images."""
