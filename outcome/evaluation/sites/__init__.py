"""What hospitals together say, and what to expect of the next one."""
