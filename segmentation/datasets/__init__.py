"""Readers of published layouts: which image belongs to which mask, one module a layout."""
