"""Risk models on a model matrix: one interface, one registry, states without pickle."""
