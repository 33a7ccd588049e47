"""Are the risks right? Over all, and along their range."""
