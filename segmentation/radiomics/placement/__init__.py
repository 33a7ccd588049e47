"""Where a lesion lies in its organ: depth, contact, height along the organ, and the R.E.N.A.L. points of a kidney."""
