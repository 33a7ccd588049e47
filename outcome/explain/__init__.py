"""Why this estimate: which inputs moved it, and where on the image the network looked."""
