"""What a bundle tells of the cases it was learned from: numbers that travel, in place of the cases."""
