"""Images without what their files say of a person: headers of a closed list, and flags for what pixels may show."""
