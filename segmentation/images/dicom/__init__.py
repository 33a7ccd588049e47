"""DICOM files and series as images: looked at header first, in Python, with limits; nothing native sees a path."""
