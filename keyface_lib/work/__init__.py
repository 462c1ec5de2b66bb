"""Work folders: what a long run has finished is kept on disk, and the next run goes on from there."""
