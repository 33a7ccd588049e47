"""Images and masks as DICOM objects that hospitals' systems read: a series of slices, and a segmentation beside one.

Reading DICOM is the business of `segmentation.images.dicom`, with code of its own; writing is pydicom's and
highdicom's.
"""
