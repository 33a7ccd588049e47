"""`outcome recalibrate`: a frozen bundle told the level, spread or last layer that other patients need."""
