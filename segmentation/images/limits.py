"""How large an image may be."""

# Four times the largest whole-body CT; above it a header is more likely wrong than right.
MAX_VOXELS = 2**30
