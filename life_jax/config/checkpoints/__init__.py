"""Other people's files read as ours: config.json and GGUF -> ModelFile."""
