"""Any text where a feeling or keyframes are written: the short form of curves, the choice of keyframes."""

import torch
from hypothesis import strategies as st

from keyface_lib.method.emotion import NAMED_STATES
from keyface_lib.method.emotion_text import parse_text, to_json
from keyface_lib.method.keyframe_text import chosen_keyframes

from .running import Fuzzer, finite, main

NUMBERS = st.one_of(
    st.integers(-3, 10_000).map(str),
    st.floats().map(repr),
    st.sampled_from(
        ["1e400", "1e-400", "-0", "+.5", "5.", "1_0", "٣", "nan", "inf", "9" * 400, "0" * 5000, "1:2", "-1"]
    ),
)
WORDS = st.sampled_from(
    [*NAMED_STATES, "Happy", "hapy", "", "*", "(", ")", ":", ",", "(,)", "\0", "𝟜", "\ud800"]
)
BLANKS = st.sampled_from([" ", "", "\t", "\n", "\u3000", "\u2028", "\xa0", ", ", ",", "\x1c", "\u200b"])
PAIR = st.builds("({}{}{})".format, NUMBERS, st.sampled_from([",", " ", " , ", ",,", ""]), NUMBERS)
FEELING = st.one_of(WORDS, PAIR, st.builds("{}*{}".format, WORDS, NUMBERS))
TIME = st.lists(NUMBERS, max_size=4).map(":".join)
ENTRY = st.one_of(st.builds("{}:{}".format, TIME, FEELING), FEELING, st.text(max_size=12))
SHORT = st.lists(st.tuples(BLANKS, ENTRY), max_size=12).map(lambda parts: "".join(map("".join, parts)))

PLACE = st.builds("{}{}{}".format, NUMBERS, BLANKS, st.sampled_from(["s", "", "S", "ms"]))
SPAN = st.one_of(PLACE, st.builds("{}{}{}".format, PLACE, st.sampled_from(["-", "–", " - ", "--"]), PLACE))
CHOICE = st.lists(st.one_of(SPAN, st.just("all"), st.text(max_size=6)), max_size=6).map(", ".join)


def feeling(text: str) -> None:
    """Reads a curve, which is then finite at any time and comes back from JSON as it is."""
    curve = parse_text(text)
    values = torch.stack(curve.sample(torch.tensor([0.0, 0.04, 1.0, 1e6])))
    finite(*values.flatten().tolist())
    assert float(values.abs().max()) <= 1
    assert parse_text(to_json(curve)) == curve


def keyframes(text: str) -> None:
    """Chooses keyframes, which are then among those that there are."""
    assert chosen_keyframes(text, 40) <= set(range(40))


FUZZERS = {"feelings": Fuzzer(SHORT, feeling), "keyframe choices": Fuzzer(CHOICE, keyframes)}
if __name__ == "__main__":
    main(FUZZERS, __doc__)
