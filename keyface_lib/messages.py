"""Values, paths and errors as messages show them: in one line, and not at length."""

import math
import os


def shown(value: object, length: int = 60) -> str:
    """A value, as a user would write it."""
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to write out the longest
        return f"a number of about {int(value.bit_length() * math.log10(2)):,} digits"
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # whole numbers of thousands of digits deep inside
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= length else f"{text[: length - 3]}..."


def one_line(text: object, length: int = 300) -> str:
    """A path, or the text of an error, in one printable line; of a long one its two ends."""
    raw = os.fspath(text) if isinstance(text, str | os.PathLike) else str(text)
    whole = os.fsdecode(raw)
    tail = length // 4
    cut = whole if len(whole) <= length else f"{whole[: length - tail - 3]}...{whole[-tail:]}"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)
