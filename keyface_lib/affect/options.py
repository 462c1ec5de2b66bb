"""The numbers and words that a reading is asked for with; needs neither torch nor time."""

WIDTHS = (0.0, 10.0)
"""Of the smoothing, in seconds."""
SMOOTH = 0.5
"""About the way from one keyframe to the next; syllables, which move the mouth too, are shorter."""
STRENGTHS = (0.0, 4.0)
"""By what readings are multiplied; what is beyond the range then is clamped."""
TOLERANCES = (0.002, 1.0)
"""By how much a curve may be off what was read and smoothed."""
TOLERANCE = 0.03
CENTRE = "centre"
"""In place of a choice of `portrait.faces.chosen`: what lies in the central square."""
