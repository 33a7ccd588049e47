"""Whole health records: a mapping says which procedures are cases and where each variable comes from."""
