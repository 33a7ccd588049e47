"""Which cases, with which outcomes? From the raw table to coded variables, endpoints, partitions and findings."""
