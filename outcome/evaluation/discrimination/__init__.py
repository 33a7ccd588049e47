"""Are those with the event ranked higher? With times, censoring and competing events too."""
