"""Where in a picture the face is that moves, and how it comes back into the picture."""
