"""New cases against the bundle's reference, one question a file: in which order, which checks, what an alarm says."""
