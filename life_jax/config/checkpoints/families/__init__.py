"""Families of models by their model_type: which fields of config.json say what."""
