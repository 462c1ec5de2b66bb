"""Training of KeyFace's networks and of its autoencoder (docs/training.md)."""
