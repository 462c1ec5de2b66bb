"""How one clip is made: models, settings, the two stages, frames, what it costs."""
