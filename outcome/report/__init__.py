"""What a reader sees: numbers with their intervals, tables, figures and the validation report.

Pure: everything arrives as dicts, frames or arrays, nothing is read from or written to disk.
"""
