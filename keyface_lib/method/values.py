"""What single values must be, in the same words at every door; needs neither torch nor time."""

import difflib
import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

from ..errors import KeyFaceError
from ..messages import shown

LARGEST_SEED = 2**64 - 1
MAX_STEPS = 1000
MAX_STRENGTH = 2.0
"""Of head motion and expression."""


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in [low, high]: int, NumPy's, or a tensor of one; True and 3.0 are none.

    Args:
        name: what the caller calls the value.

    Raises:
        KeyFaceError: it is of another kind or out of the range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise KeyFaceError(f"{name} is {shown(value)}; it must be a whole number{_between(low, high)}")
    if not low <= number <= high:
        raise KeyFaceError(f"{name} is {shown(number)}; it must be{_between(low, high)}")
    return number


def real(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number in [low, high]: int, float or NumPy's; True is none.

    Raises:
        KeyFaceError: it is of another kind, NaN, infinite or out of the range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise KeyFaceError(f"{name} is {shown(value)}; it must be a number{_between(low, high)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not low <= number <= high:
        raise KeyFaceError(f"{name} is {shown(value)}; it must be a finite number{_between(low, high)}")
    return number


def seed(name: str, value: Any) -> int:
    """A seed: any whole number of 64 bits, with or without a sign; raises as `whole`."""
    return whole(name, value, -(2**63), LARGEST_SEED)


def choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """One of some words.

    Raises:
        KeyFaceError: it is none of them; the message suggests the nearest.
    """
    choices = tuple(choices)
    if not isinstance(value, str) or value not in choices:
        close = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) else []
        suggestion = f"did you mean '{close[0]}'? " if close else ""
        raise KeyFaceError(f"{name} is {shown(value)}; {suggestion}choose one of: {', '.join(choices)}")
    return value


def yes_or_no(name: str, value: Any) -> bool:
    """True or False; raises a KeyFaceError for anything else."""
    if not isinstance(value, bool):
        raise KeyFaceError(f"{name} is {shown(value)}; it must be True or False")
    return value


def _between(low: float, high: float) -> str:
    if high == math.inf:
        return "" if low == -math.inf else f" of at least {low:,g}"
    return f" from {_written(low)} to {_written(high)}"


def _written(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,g}"
