"""Any JSON and any table where a curve is read, from text and from files of every ending and encoding."""

import json
import tempfile
from pathlib import Path

from hypothesis import strategies as st

from keyface_lib.clip.emotion_file import SUFFIXES, parse_emotion
from keyface_lib.method.emotion_text import to_json

from .mutations import mutated
from .running import Fuzzer, main
from .texts import NUMBERS, SHORT, feeling

ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
SECONDS = st.one_of(st.floats(0, 1e5), st.integers(0, 10**6), st.floats(), ANYTHING)
VALUE = st.one_of(st.floats(-1, 1), st.sampled_from([0, 1, -1, 1.0000001, 10**400]), ANYTHING)
MODE = st.one_of(st.sampled_from(["smooth", "linear", "hold", "Hold", ""]), ANYTHING)
POINTS = st.one_of(
    st.lists(st.tuples(SECONDS, VALUE, MODE).map(list), max_size=6),
    st.lists(st.floats(0, 100), max_size=6, unique=True).map(
        lambda times: [[time, 0.5, "linear"] for time in sorted(times)]
    ),
    ANYTHING,
)
CURVE = st.fixed_dictionaries(
    {"v": st.one_of(st.just(1), ANYTHING)},
    optional={"valence": POINTS, "arousal": POINTS, "more": ANYTHING},
).map(lambda entries: _dumped(entries))
SEPARATOR = st.sampled_from([",", ";", "\t", ", ", "|"])
HEAD = st.sampled_from(
    [
        "seconds{0}valence{0}arousal",
        "seconds{0}valence{0}arousal{0}mode",
        "sep={0}\nseconds{0}valence{0}arousal",
        "valence{0}seconds",
    ]
)
CELL = st.one_of(NUMBERS, st.sampled_from(["", "0,5", '"', '"1', "hold", "smooth", "\0", "\r", "=1+1"]))
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32"])


@st.composite
def table(draw: st.DrawFn) -> str:
    separator = draw(SEPARATOR)
    rows = draw(st.lists(st.lists(CELL, max_size=5), max_size=8))
    return "\n".join([draw(HEAD).format(separator), *(separator.join(row) for row in rows)])


def _dumped(entries: object) -> str:
    try:
        return json.dumps(entries)
    except ValueError:  # whole numbers of thousands of digits
        return '{"v":1'


@st.composite
def file(draw: st.DrawFn) -> tuple[str, bytes]:
    """(ending, content) of a file that may hold a curve."""
    text = draw(st.one_of(CURVE, table(), SHORT))
    encoded = text.encode(draw(ENCODINGS), errors="replace")
    return draw(st.sampled_from(SUFFIXES)), draw(st.one_of(st.just(encoded), mutated([encoded])))


def from_file(given: tuple[str, bytes]) -> None:
    """Reads a file, whose curve then comes back from JSON as it is."""
    suffix, content = given
    path = Path(FOLDER.name) / f"a{suffix}"
    path.write_bytes(content)
    curve = parse_emotion(path)
    assert parse_emotion(to_json(curve)) == curve


FOLDER = tempfile.TemporaryDirectory(prefix="keyface-fuzz-")
FUZZERS = {"curves as JSON": Fuzzer(CURVE, feeling), "files of curves": Fuzzer(file(), from_file)}
if __name__ == "__main__":
    main(FUZZERS, __doc__)
