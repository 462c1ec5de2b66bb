"""Shards of clips: what training, the toy world and preparation read and write."""
