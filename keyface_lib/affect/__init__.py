"""What a face in a video or picture feels, as an emotion curve (docs/emotion.md)."""
