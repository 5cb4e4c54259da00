"""Files of measurements as people have them, one module a format, each turned into the same tidy rows of text."""
