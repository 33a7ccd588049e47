"""Have the cases changed since the model was made? Sequential tests whose false-alarm rate holds at every look."""
