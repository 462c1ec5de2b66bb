"""The small model in the box: everything runs from the first minute, offline.

It was trained on the toy world (docs/training.md says how, docs/toyworld.md how well it does), so it knows
drawn faces of 64 x 64 pixels, like that of its portrait.
"""

from pathlib import Path

NAME = "small (bundled)"
"""What it is called where models are chosen."""
FOLDER = Path(__file__).parent
PORTRAIT = FOLDER / "portrait.png"
SPEECH = FOLDER / "speech.flac"
EMOTION = "0:neutral 2:happy 3.5:happy 5:sad"
"""The feelings of the demo: neutral, then happy, then sad."""
