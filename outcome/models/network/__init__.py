"""The fusion network: blocks of a table and crops of images to one answer."""
