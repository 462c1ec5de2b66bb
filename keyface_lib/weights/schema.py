"""What entries of a file must be: each a rule that says so in words, checked before anything is built."""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import KeyFaceError
from ..messages import shown

Rule = Callable[[Any], str | None]
"""Says what a value must be, where it is not."""


def whole(low: int, high: int, multiple: int = 1) -> Rule:
    """A whole number in [low, high], and a multiple."""
    of = f" that {multiple} divides" if multiple > 1 else ""
    return _rule(
        f"a whole number from {low} to {high}{of}",
        lambda value: type(value) is int and low <= value <= high and value % multiple == 0,
    )


def number(low: float, high: float) -> Rule:
    """A finite number in [low, high]."""
    return _rule(
        f"a number from {low:g} to {high:g}",
        lambda value: type(value) in (int, float) and low <= value <= high,  # whole numbers of any length
    )


def flag(value: Any) -> str | None:
    """True or False."""
    return None if type(value) is bool else "true or false"


def text(length: int, at_least: int = 0) -> Rule:
    """Printable text of some length."""
    return _rule(
        f"text of {at_least} to {length} characters",
        lambda value: isinstance(value, str) and at_least <= len(value) <= length and value.isprintable(),
    )


def one_of(*choices: Any) -> Rule:
    """One of some values, of the same type."""
    listed = " or ".join(map(repr, choices))
    return _rule(listed, lambda value: any(type(value) is type(c) and value == c for c in choices))


def listed(rule: Rule, least: int, most: int) -> Rule:
    """A list of some length whose items all keep a rule."""

    def broken(value: Any) -> str | None:
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            return f"a list of {least} to {most} values"
        found = next(filter(None, map(rule, value)), None)
        return f"a list, each of its values {found}" if found else None

    return broken


def table(value: Any) -> str | None:
    """An object with entries."""
    return None if isinstance(value, dict) and all(isinstance(name, str) for name in value) else "an object"


def optional(rule: Rule) -> Rule:
    """What keeps a rule, or null."""

    def broken(value: Any) -> str | None:
        found = None if value is None else rule(value)
        return f"{found}, or null" if found else None

    return broken


def check(entries: Any, rules: Mapping[str, Rule], what: str, remedy: str, missing_ok: bool = False) -> None:
    """Raises a KeyFaceError unless every entry is there and keeps its rule; others may be there too.

    Args:
        what: what the entries belong to, for the message.
        missing_ok: entries may be missing.
    """
    if broken := table(entries):
        raise KeyFaceError(f"{what} is {shown(entries)}; it must be {broken}; {remedy}")
    missing = [name for name in rules if name not in entries]
    if missing and not missing_ok:
        raise KeyFaceError(f"{what} lacks {', '.join(missing)}; {remedy}")
    for name, rule in rules.items():
        if name in entries and (broken := rule(entries[name])):
            raise KeyFaceError(f"{what}: {name} is {shown(entries[name])}; it must be {broken}; {remedy}")


def _rule(words: str, keeps: Callable[[Any], bool]) -> Rule:
    return lambda value: None if keeps(value) else words
