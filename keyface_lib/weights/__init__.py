"""What weight files hold, and how they are read and written; nothing here builds a network."""
