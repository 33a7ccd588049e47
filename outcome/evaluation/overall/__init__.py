"""How far are predictions from what happened? Errors, and counts at a threshold."""
