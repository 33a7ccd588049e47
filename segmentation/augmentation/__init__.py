"""Patches of training images as a scanner and a patient might have varied them."""
