"""Emotion curves as text: the short form an artist types, JSON, and .json or .csv files."""

import csv
import io
import json
import os
import re
from pathlib import Path

from ..errors import KeyFaceError
from .emotion import EmotionCurve, Point, state
from .values import shown

VERSION = 1
"""The JSON form's `v`."""

_ENTRY = re.compile(r"(?:[^\s,()]|\([^()]*\))+")
_PAIR = re.compile(r"\(\s*([^\s,]+)[\s,]+([^\s,]+)\s*\)")
_EXAMPLE = "0:neutral 2.5:happy 6:(-0.4,0.9)"


def parse_emotion(text_or_path: str | os.PathLike) -> EmotionCurve:
    """Reads an emotion curve from the short form, from JSON text, or from a .json or .csv file.

    docs/emotion.md describes the three forms.

    Raises:
        KeyFaceError: a file that cannot be read, or text that breaks a rule of its form or of the curve.
    """
    if not isinstance(text_or_path, (str, os.PathLike)):
        raise KeyFaceError(f"the emotion is {shown(text_or_path)}; write it like {_EXAMPLE}, or give a file")
    if isinstance(text_or_path, str) and not _names_file(text_or_path):
        return parse_text(text_or_path)
    return _parse_file(Path(text_or_path))


def parse_text(text: str) -> EmotionCurve:
    """Reads an emotion curve from the short form or from JSON; never opens a file.

    Raises:
        KeyFaceError: the text breaks a rule of its form or of the curve.
    """
    text = text.strip()
    return _parse_json(text) if text.startswith("{") else _parse_short_form(text)


def to_json(curve: EmotionCurve) -> str:
    """The curve as JSON text; `parse_emotion` gives the same curve back, exactly."""
    lanes = {"valence": curve.valence, "arousal": curve.arousal}
    rows = {
        lane: [[_shortest(point.seconds), _shortest(point.value), point.mode] for point in points]
        for lane, points in lanes.items()
    }
    return json.dumps({"v": VERSION, **rows}, separators=(",", ":"))


def _names_file(text: str) -> bool:
    text = text.strip()
    return not text.startswith("{") and text.lower().endswith((".json", ".csv"))


def _shortest(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number


def _parse_file(path: Path) -> EmotionCurve:
    parsers = {".json": _parse_json, ".csv": _parse_csv}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise KeyFaceError(f"{path}: an emotion file ends in .json or .csv; rename or convert it")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark in front
    except FileNotFoundError:
        raise KeyFaceError(f"{path}: there is no such emotion file; check the path") from None
    except OSError as error:
        raise KeyFaceError(
            f"{path}: cannot be read ({error.strerror}); check the file and its rights"
        ) from error
    except UnicodeDecodeError as error:
        raise KeyFaceError(f"{path}: is not UTF-8 text; save it as plain UTF-8 .json or .csv") from error
    try:
        return parse(text)
    except KeyFaceError as error:
        raise KeyFaceError(f"{path}: {error}") from error


def _parse_short_form(text: str) -> EmotionCurve:
    text = re.sub(r"\s*([:*])\s*", r"\1", " ".join(text.split()))
    entries = _ENTRY.findall(text)
    rest = _ENTRY.sub("", text).replace(",", "").strip()
    if rest or not entries:
        raise KeyFaceError(f"emotion {text!r} cannot be read; write it like {_EXAMPLE}")
    valence, arousal = [], []
    for entry in entries:
        time, colon, feeling = entry.rpartition(":")
        if not colon and len(entries) > 1:
            raise KeyFaceError(f"emotion {entry!r} has no time; put its second in front, such as 0:{entry}")
        seconds = _parse_time(time) if colon else 0.0
        for lane, value in zip((valence, arousal), _parse_feeling(feeling), strict=True):
            lane.append(Point(seconds, value))
    return EmotionCurve(tuple(valence), tuple(arousal))


def _parse_time(text: str) -> float:
    """Seconds of `s`, `m:ss` or `h:mm:ss`."""
    what, remedy = f"the time {text!r}", "write seconds, m:ss or h:mm:ss"
    parts = text.split(":")
    if len(parts) > 3:
        raise KeyFaceError(f"{what} has {len(parts)} parts; {remedy}")
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + _number(part, what, remedy)
    return seconds


def _parse_feeling(text: str) -> tuple[float, float]:
    if text.startswith("("):
        pair = _PAIR.fullmatch(text)
        if not pair:
            raise KeyFaceError(f"emotion {text!r} is no pair; write (valence,arousal), such as (-0.4,0.9)")
        what, remedy = f"emotion {text!r}", "write (valence,arousal), such as (-0.4,0.9)"
        valence, arousal = (_number(part, what, remedy) for part in pair.groups())
        return valence, arousal
    name, times, factor = text.partition("*")
    intensity = _number(factor, f"the intensity of {text!r}", "write it like happy*0.5") if times else 1.0
    return state(name.lower(), intensity)


def _number(text: str, what: str, remedy: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise KeyFaceError(f"{what} has {text!r} where a number belongs; {remedy}") from None


def _parse_json(text: str) -> EmotionCurve:
    try:
        # As floats, integers of any length are read without Python's limit on their digits.
        data = json.loads(text, parse_int=float)
    except json.JSONDecodeError as error:
        raise KeyFaceError(
            f"the emotion JSON is malformed at line {error.lineno}, column {error.colno} ({error.msg}); "
            "correct it there"
        ) from error
    except RecursionError:
        raise KeyFaceError("the emotion JSON is nested too deep; write two lists of points") from None
    if not isinstance(data, dict):
        raise KeyFaceError('the emotion JSON is not an object; write {"v":1,"valence":[...],"arousal":[...]}')
    version = data.pop("v", None)
    if not isinstance(version, float) or version < 1:
        raise KeyFaceError(f'the emotion JSON has no version; start it with {{"v":{VERSION}, ...')
    if version != VERSION:
        raise KeyFaceError(
            f"the emotion JSON has version {version:g}, this KeyFace reads version {VERSION}; update KeyFace"
        )
    unknown = [key for key in data if key not in ("valence", "arousal")]
    if unknown:
        raise KeyFaceError(
            f"the emotion JSON has the unknown key {json.dumps(unknown[0])}; "
            'it may have "v", "valence" and "arousal"'
        )
    return EmotionCurve(**{lane: _json_points(lane, rows) for lane, rows in data.items()})


def _json_points(lane: str, rows: object) -> tuple[Point, ...]:
    if not isinstance(rows, list):
        raise KeyFaceError(f'{lane} of the emotion JSON is not a list; write [[seconds,value,"smooth"],...]')
    for row in rows:
        match row:
            case [float(), float(), str()]:
                continue
        raise KeyFaceError(
            f'{lane} of the emotion JSON has the point {json.dumps(row)[:60]}; write [seconds,value,"smooth"]'
        )
    return tuple(Point(*row) for row in rows)


def _parse_csv(text: str) -> EmotionCurve:
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    if header not in (["seconds", "valence", "arousal"], ["seconds", "valence", "arousal", "mode"]):
        raise KeyFaceError(
            f"the first line is {','.join(header)[:60]!r}; "
            "it must be seconds,valence,arousal or seconds,valence,arousal,mode"
        )
    lanes: dict[str, list[Point]] = {"valence": [], "arousal": []}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        where = f"line {rows.line_num}"
        if len(row) != len(header):
            raise KeyFaceError(f"{where} has {len(row)} cells, the first line {len(header)}; make them equal")
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        seconds = _number(cells["seconds"], where, "write seconds, valence and arousal as plain numbers")
        for lane, points in lanes.items():
            if cells[lane]:  # an empty cell: this lane has no point here
                value = _number(cells[lane], where, f"write {lane} as a plain number or leave it empty")
                points.append(Point(seconds, value, cells.get("mode") or "smooth"))
    return EmotionCurve(tuple(lanes["valence"]), tuple(lanes["arousal"]))
