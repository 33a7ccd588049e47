"""What `make bench` runs: measured tables for docs/results/, each with the command that made it."""
