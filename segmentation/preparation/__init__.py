"""From an image as filed to what a network reads."""
