"""What censoring and competing events ask for: weights, incidences, hazards, restricted means."""
