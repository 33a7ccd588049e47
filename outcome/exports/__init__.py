"""What a model says of a case, as the standard objects that hospitals' systems read: DICOM SR and PDF, FHIR.

Pure functions: a statement goes in, an object comes out. Nothing looks at a clock or draws a number, and no patient's
identifier goes in beyond what the case's own image series holds.
"""
