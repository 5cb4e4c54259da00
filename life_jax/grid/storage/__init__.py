"""Results on the disk: files that are whole or absent, journals of what is done, shards, compression."""
