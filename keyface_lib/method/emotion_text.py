"""Emotion curves as text: the short form an artist types, JSON, and tables."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import cast

from ..errors import KeyFaceError
from .emotion import EmotionCurve, Mode, Point, state

VERSION = 1
"""The JSON form's `v`."""
MAX_TEXT = 8_000_000
"""Characters of JSON and tables: an hour with a point on every frame."""
MAX_SHORT = 500_000
"""Characters of the short form, which is typed."""
MAX_POINTS = 100_000
"""Points of a lane."""

_SPACES = " \t\n\v\f\r\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What separates: JavaScript's spaces, for the editor; Python counts control characters as well."""
_ENTRY = re.compile(r"(?:[^ ,()]|\([^()]*\))+")
_PAIR = re.compile(r"\( ?([^ ,]+)(?: ?, ?| )([^ ,]+) ?\)")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""What the editor and Python both read as a number: float() alone takes 1_0, digits of any script and nan."""
EXAMPLE = "0:neutral 2.5:happy 6:(-0.4,0.9)"


def parse_text(text: str) -> EmotionCurve:
    """Reads an emotion curve from the short form or from JSON; never opens a file.

    Raises:
        KeyFaceError: the text breaks a rule of its form or of the curve.
    """
    text = text.strip(_SPACES)
    if text.startswith("{"):
        return _parsed(_parse_json, text)
    return _parsed(_parse_short_form, text, MAX_SHORT)


def parse_json(text: str) -> EmotionCurve:
    """Reads an emotion curve from JSON; raises KeyFaceError as `parse_text`."""
    return _parsed(_parse_json, text)


def parse_table(text: str) -> EmotionCurve:
    """Reads an emotion curve from a table as spreadsheets write it, its columns apart by `,`, `;` or tabs.

    With `;` and tabs a comma is a decimal point.

    Raises:
        KeyFaceError: the table breaks a rule of its form or of the curve.
    """
    try:
        return _parsed(_parse_csv, text)
    except csv.Error as error:
        raise KeyFaceError(f"the table cannot be read ({error}); save it anew as .csv") from error


def _parsed(parse: Callable[[str], EmotionCurve], text: str, longest: int = MAX_TEXT) -> EmotionCurve:
    """What a parser makes of a text of bounded length, its errors without most of what they repeat of it."""
    if len(text) > longest:
        raise KeyFaceError(
            f"the emotion has {len(text)} characters; up to {longest} are read, as JSON up to {MAX_TEXT}"
        )
    try:
        return parse(text)
    except KeyFaceError as error:
        message = str(error)
        if len(message) <= 600:
            raise
        raise KeyFaceError(f"{message[:300]} ... {message[-250:]}") from error


def to_json(curve: EmotionCurve) -> str:
    """The curve as JSON text; `parse_emotion` gives the same curve back, exactly."""
    lanes = {"valence": curve.valence, "arousal": curve.arousal}
    rows = {
        lane: [[_shortest(point.seconds), _shortest(point.value), point.mode] for point in points]
        for lane, points in lanes.items()
    }
    return json.dumps({"v": VERSION, **rows}, separators=(",", ":"))


def _shortest(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number


def _parse_short_form(text: str) -> EmotionCurve:
    text = re.sub(r" ?([:*]) ?", r"\1", re.sub(f"[{_SPACES}]+", " ", text)).strip(" ")
    entries = _ENTRY.findall(text)
    rest = _ENTRY.sub("", text).replace(",", "").strip()
    if rest or not entries:
        raise KeyFaceError(f"emotion {text!r} cannot be read; write it like {EXAMPLE}")
    valence: list[Point] = []
    arousal: list[Point] = []
    for entry in entries:
        time, colon, feeling = entry.rpartition(":")
        if not colon and len(entries) > 1:
            raise KeyFaceError(f"emotion {entry!r} has no time; put its second in front, such as 0:happy")
        seconds = _parse_time(time) if colon else 0.0
        _check_number("emotion", len(valence))
        for lane, value in zip((valence, arousal), _parse_feeling(feeling), strict=True):
            lane.append(Point(seconds, value))
    return EmotionCurve(tuple(valence), tuple(arousal))


def _parse_time(text: str) -> float:
    """Seconds of `s`, `m:ss` or `h:mm:ss`."""
    what, remedy = f"the time {text!r}", "write seconds, m:ss or h:mm:ss"
    parts = text.split(":")
    if len(parts) > 3:
        raise KeyFaceError(f"{what} has {len(parts)} parts; {remedy}")
    numbers = [_number(part, what, remedy) for part in parts]
    if len(numbers) > 1 and min(numbers) < 0:
        raise KeyFaceError(f"{what} has a negative part; {remedy}")
    seconds = 0.0
    for number in numbers:
        seconds = 60 * seconds + number
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
    if not _NUMBER.fullmatch(text):
        raise KeyFaceError(f"{what} has {text!r} where a number belongs; {remedy}")
    return float(text)


def _parse_json(text: str) -> EmotionCurve:
    _check_number("the emotion JSON", max(text.count("["), text.count("{")) // 2)
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
    _check_number(lane, len(rows))
    for row in rows:
        match row:
            case [float(), float(), str()]:
                continue
        raise KeyFaceError(
            f'{lane} of the emotion JSON has the point {json.dumps(row)[:60]}; write [seconds,value,"smooth"]'
        )
    return tuple(Point(*row) for row in rows)


def _parse_csv(text: str) -> EmotionCurve:
    first, _, rest = text.partition("\n")
    separator = max(",;\t", key=first.count)
    if first.strip().lower().startswith("sep="):  # how Excel is told
        separator, text = first.strip()[4:5] or "\t", rest
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
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
        point = "," if separator != "," else "."
        cells = dict(zip(header, (cell.strip().replace(point, ".") for cell in row), strict=True))
        _check_number("the table", max(map(len, lanes.values())))
        seconds = _number(cells["seconds"], where, "write seconds, valence and arousal as plain numbers")
        for lane, points in lanes.items():
            if cells[lane]:  # an empty cell: this lane has no point here
                value = _number(cells[lane], where, f"write {lane} as a plain number or leave it empty")
                mode = cast(Mode, cells.get("mode") or "smooth")  # the curve checks it
                points.append(Point(seconds, value, mode))
    return EmotionCurve(tuple(lanes["valence"]), tuple(lanes["arousal"]))


def _check_number(what: str, points: int) -> None:
    if points > MAX_POINTS:
        raise KeyFaceError(f"{what} has more than {MAX_POINTS} points; one for each frame is enough")
