"""Results on the disk: files that are whole or not there, journals of finished chunks, shards, compression."""
