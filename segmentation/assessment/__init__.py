"""How good a mask is, and how far readers agree."""
