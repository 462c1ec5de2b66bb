"""Emotion curves from what a user gives: text, or a file that holds one of its forms."""

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line, shown
from ..method.emotion import EmotionCurve
from ..method.emotion_text import EXAMPLE, MAX_TEXT, parse_json, parse_table, parse_text

TABLES = (".csv", ".tsv")
SUFFIXES = (".json", *TABLES, ".txt")


def parse_emotion(text_or_path: str | os.PathLike) -> EmotionCurve:
    """Reads an emotion curve from the short form, from JSON text, or from a .json, .csv, .tsv or .txt file.

    docs/emotion.md describes the forms.

    Raises:
        KeyFaceError: a file that cannot be read, or text that breaks a rule of its form or of the curve.
    """
    if not isinstance(text_or_path, (str, os.PathLike)):
        raise KeyFaceError(f"the emotion is {shown(text_or_path)}; write it like {EXAMPLE}, or give a file")
    if isinstance(text_or_path, str) and not _names_file(text_or_path):
        return parse_text(text_or_path)
    path = Path(text_or_path)
    if path.suffix.lower() not in SUFFIXES:
        endings = ", ".join(SUFFIXES)
        raise KeyFaceError(f"{one_line(path)}: an emotion file ends in {endings}; rename or convert it")
    text = _text_of(path)
    try:
        return _parser(path.suffix.lower(), text)(text)
    except KeyFaceError as error:
        raise KeyFaceError(f"{one_line(path)}: {error}") from error


def _parser(suffix: str, text: str) -> Callable[[str], EmotionCurve]:
    if suffix == ".json":
        return parse_json
    heads = text[:10].lstrip().lower().startswith(("seconds", '"seconds', "sep="))
    return parse_table if suffix in TABLES or heads else parse_text


def _names_file(text: str) -> bool:
    text = text.strip()
    return not text.startswith("{") and text.lower().endswith(SUFFIXES)


def _text_of(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 as spreadsheets write their "Unicode text"."""
    with open_file(path, "emotion file") as file:
        data = file.read(4 * MAX_TEXT + 1)
    if len(data) > 4 * MAX_TEXT:
        raise KeyFaceError(f"{one_line(path)}: has more than {len(data) >> 20} MB; a curve has a few kB")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        if not wide and b"\0" in data[:4]:
            return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le")
        return data.decode("utf-16" if wide else "utf-8-sig")  # with the mark that spreadsheets put in front
    except UnicodeDecodeError as error:
        raise KeyFaceError(
            f"{one_line(path)}: is neither UTF-8 nor UTF-16 text; save it as plain UTF-8 .json or .csv"
        ) from error
