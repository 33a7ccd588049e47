"""Images and masks as files, and where their voxels lie."""
