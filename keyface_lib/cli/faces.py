"""Faces as the command line names them: squares, and which one is meant."""

import argparse


class FaceAction(argparse.Action):
    """Collects (square or face, audio, emotion) of every --face."""

    def __call__(self, parser, options, words, option_string=None) -> None:
        if not 2 <= len(words) <= 3:
            raise argparse.ArgumentError(
                self, "give the face, the recording and perhaps the emotion: X,Y,W,H AUDIO [EMOTION]"
            )
        try:
            place = face_or_box(words[0])
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        face = (place, words[1], words[2] if len(words) == 3 else "neutral")
        setattr(options, self.dest, [*getattr(options, self.dest), face])


def box(text: str) -> tuple[float, ...]:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no box; give X,Y,W,H: its upper left corner, width and height in pixels"
        ) from None
    return x, y, width, height


def which(text: str) -> str | int | tuple[float, float]:
    """Which face is meant."""
    if text in ("largest", "centre"):
        return text
    try:
        numbers = [float(part) for part in text.split(",")]
        if len(numbers) == 2:
            return numbers[0], numbers[1]
        if int(text) >= 1:
            return int(text)
    except ValueError:
        pass  # said below
    raise argparse.ArgumentTypeError(
        f"{text!r} is no face; say largest, centre, its number from the left, or a point X,Y in it"
    )


def face_or_box(text: str) -> tuple[float, ...] | str | int:
    """A square, or which face is meant."""
    return box(text) if text.count(",") > 1 else which(text)
