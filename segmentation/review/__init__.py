"""What a person looks at before a mask is used, in which order, and what they said."""
