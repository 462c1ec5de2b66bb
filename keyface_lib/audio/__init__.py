"""Sound in, features at 25 frames a second out."""
