"""One thin shell a stage: read from the store, call pure functions, write the artefact and its manifest."""
