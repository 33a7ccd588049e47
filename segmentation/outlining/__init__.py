"""Trained networks at work: windows, labels, folders, ensembles and streams."""
