"""What files and words may say: fields with units and bounds, checks, errors, paths. Starts no JAX."""
