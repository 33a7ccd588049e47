"""How do the cases here differ from those a model was learned from? Compared with its summary; no patient is needed."""
