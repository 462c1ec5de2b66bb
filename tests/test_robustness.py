"""Whatever becomes of a file that the project opens, it is read or ends in a plain line (docs/robustness.md).

The cells of `CELLS` are the tests; `python tests/robustness_table.py` writes them into the docs as a table.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bounded import NEEDS, POSSIBLE, outcome
from damaged_kinds import KINDS
from damages import DAMAGES
from recorded_weights import same_bits

from keyface_lib.files import whole_file
from keyface_lib.weights.checkpoint import read_checkpoint

OUTSIDE = "outside, in ComfyUI"
"""A path that leads out of the folders that a node may open."""


@dataclass(frozen=True)
class Cell:
    """What is expected of a damage.

    Attributes:
        words: what happens, for the table; of a refusal why.
        said: part of the error's message, as a regular expression; None where the file is read.
        test: what shows it in place of the test of the cell.
    """

    words: str
    said: str | None = None
    test: str | None = None

    @property
    def is_read(self) -> bool:
        return self.said is None and self.test is None


SAME = {
    "missing": Cell("no such file", "there is no such"),
    "symbolic link": Cell("followed"),
    "no right to read": Cell("may not be read", "may not be read"),
    "folder locked": Cell("may not be read", "may not be read"),
    "a folder there": Cell("is a folder", "is a folder, not an? "),
    "vanishes": Cell("no such file", "there is no such"),
    "disk fails": Cell("not to its end", "cannot be read to its end"),
}
"""What is the same for nearly every kind."""
NO_PICTURE = Cell("no picture", "is not a picture")
NO_SOUND = Cell("no sound", "cannot be read as audio or video")
NO_VIDEO = Cell("no video", "cannot be read as a video or picture")
CLAIMS = Cell("claims too much", "it claims 134217728 samples in")
NO_TEXT = Cell("no text", "is neither UTF-8 nor UTF-16 text")
POINTS = Cell("too many points", "more than 100000 points")
NOT_A_NUMBER = Cell("not a number", "'nan' where a number belongs")
NO_SAFETENSORS = Cell("not whole", "is no complete safetensors file")
NOTHING = Cell("ends at once", r"is no complete safetensors file \(it ends at once\)")
HEADER = Cell("header too long", "its header is said to have 1,099,511,627,776 bytes")
NO_CHECKPOINT = Cell("no checkpoint", "is no torch checkpoint or is damaged")
NO_JSON = Cell("no JSON", "is no JSON that can be used")
NAN_JSON = Cell("no number", "it says (NaN|Infinity), which is no number")
LONG_JSON = Cell("too long", "is longer than 1,048,576 bytes")
NO_TOML = Cell("no TOML", "is no valid TOML")
NO_CLIP = Cell("holds no clip", "hold no clip")
NO_DETECTOR = Cell("no detector", "is no YuNet face detector")
NO_MODEL = Cell("no such model", "is no HSEmotion model")
PERHAPS_SOUND = {
    "no_right_to_read": Cell("may not be read", "^(?!.*damaged).*may not be read"),
    "disk_fails": Cell("not to its end", "^(?!.*damaged).*cannot be read to its end"),
}
"""Of a state, which nobody is told to remove for it."""
OFFERED = "host/test_bad_inputs.py::test_no_path_outside_the_folders_that_are_offered"
INPUTS = Cell("ComfyUI refuses", test=OFFERED)
MODELS = Cell("not offered", test=OFFERED)
TYPED = Cell("text, no path", test="host/test_bad_inputs.py::test_a_curve_that_cannot_be_read")
NO_NODE = Cell("no node opens it", test="test_robustness_table.py::test_nodes_open_no_file_by_themselves")


def row(
    empty: Cell, half: Cell, other: Cell, code: Cell, huge: Cell, nan: Cell, outside: Cell, **own: Cell
) -> dict:
    """The cells of a kind; `own` are those by name that differ from others or from every kind's."""
    cells = {
        "empty": empty,
        "cut in half": half,
        "another kind": other,
        "pickled code": code,
        "claims too much": huge,
        "NaN or infinity": nan,
        "cut while read": half,
        OUTSIDE: outside,
    }
    return SAME | cells | {name.replace("_", " "): cell for name, cell in own.items()}


AGAIN = Cell("made again")
FORGOTTEN = Cell("forgotten, said")
AS_FAR = Cell("read as far as it goes")
CELLS: dict[str, dict[str, Cell]] = {
    "picture": row(
        NO_PICTURE,
        Cell("truncated", "is truncated|is cut off"),
        Cell("is a web page", "is a web page"),
        NO_PICTURE,
        Cell("too many pixels", "has more than 100 million pixels"),
        Cell("floating point", "floating point, without a defined white"),
        INPUTS,
    ),
    "recording": row(
        NO_SOUND,
        AS_FAR,
        NO_SOUND,
        NO_SOUND,
        CLAIMS,
        Cell("not finite", "some samples are NaN or infinite"),
        INPUTS,
    ),
    "video": row(
        NO_VIDEO,
        NO_VIDEO,
        NO_VIDEO,
        NO_VIDEO,
        CLAIMS,
        Cell("has whole numbers", test="test_film.py::test_pictures_are_in_the_librarys_range"),
        INPUTS,
    ),
    "curve, JSON": row(
        Cell("no JSON", "malformed at line 1, column 1"),
        Cell("no JSON", "malformed at line 1"),
        Cell("no JSON", "malformed at line 1"),
        NO_TEXT,
        POINTS,
        Cell("not a number", "valence at 0 s is nan"),
        TYPED,
    ),
    "curve, table": row(
        Cell("no first line", "the first line is ''"),
        Cell("a cell is missing", "line 2 has 2 cells, the first line 3"),
        Cell("another first line", "the first line is '<!doctype html>'"),
        NO_TEXT,
        POINTS,
        NOT_A_NUMBER,
        TYPED,
    ),
    "curve, text": row(
        Cell("says nothing", "emotion '' cannot be read"),
        Cell("a time is missing", "emotion '2' has no time"),
        Cell("a time is missing", "has no time"),
        NO_TEXT,
        Cell("too long", "characters; up to 500000 are read"),
        NOT_A_NUMBER,
        TYPED,
    ),
    "weights, safetensors": row(
        NOTHING, NO_SAFETENSORS, NO_SAFETENSORS, NO_SAFETENSORS, HEADER, NAN_JSON, MODELS
    ),
    "weights, .pt and .ckpt": row(
        NO_CHECKPOINT,
        NO_CHECKPOINT,
        Cell("is a web page", "this is a web page"),
        Cell("asks for os.system", "is refused because its pickle asks for '(os|posix).system'"),
        Cell("storage too short", "a storage is not as long as its entry"),
        Cell(
            "told when sampled",
            test="test_inputs.py::test_what_is_not_a_number_is_told_with_its_stage_and_never_becomes_a_video",
        ),
        MODELS,
    ),
    "model folder's config.json": row(
        NO_JSON, NO_JSON, NO_JSON, NO_JSON, LONG_JSON, NAN_JSON, NO_NODE, missing=Cell("not needed")
    ),
    "encoder's config.json": row(
        NO_JSON,
        NO_JSON,
        NO_JSON,
        NO_JSON,
        LONG_JSON,
        NAN_JSON,
        Cell("beside its weights", test=OFFERED),
        missing=Cell("not needed"),
        a_folder_there=Cell("as if missing"),
    ),
    "training config, TOML": row(
        Cell("names no run", "run.folder is missing"),
        NO_TOML,
        NO_TOML,
        NO_TOML,
        Cell("too long", "has more than 1,048,576 bytes"),
        Cell("not finite", "noise.mean is nan"),
        NO_NODE,
    ),
    "training shard, tar": row(
        NO_CLIP,
        Cell("clip left out", "a.tar: .*its first 1 clips are used"),
        NO_CLIP,
        NO_CLIP,
        NO_CLIP,
        Cell(
            "clip left out", test="test_train_data.py::test_broken_clips_are_replaced_by_the_next_and_named"
        ),
        NO_NODE,
        missing=Cell("no such file", "no file matches"),
        folder_locked=Cell("no such file", "no file matches"),
    ),
    "resume state, facts": row(
        NO_JSON,
        NO_JSON,
        NO_JSON,
        NO_JSON,
        Cell("too many parts", "parts is 1000000000000; it must be"),
        NAN_JSON,
        NO_NODE,
        **PERHAPS_SOUND,
    ),
    "resume state, tensors": row(
        NOTHING,
        NO_SAFETENSORS,
        NO_SAFETENSORS,
        NO_SAFETENSORS,
        HEADER,
        Cell("not finite", "holds NaN or infinity"),
        NO_NODE,
        **PERHAPS_SOUND,
    ),
    "work folder, manifest": row(
        Cell("as if new"),
        FORGOTTEN,
        FORGOTTEN,
        FORGOTTEN,
        FORGOTTEN,
        FORGOTTEN,
        NO_NODE,
        missing=Cell("as if new"),
        folder_locked=Cell("may not be looked at", r"cannot be looked at \(Permission denied"),
    ),
    "work folder, results": row(AGAIN, AGAIN, AGAIN, AGAIN, AGAIN, AGAIN, NO_NODE, missing=AGAIN),
    "face detector, ONNX": row(
        NO_DETECTOR,
        NO_DETECTOR,
        NO_DETECTOR,
        NO_DETECTOR,
        Cell("too long", "16,777,217 bytes or more"),
        Cell("face left out", test="test_face_search.py::test_faces_of_which_a_number_is_none_are_left_out"),
        Cell(
            "found, not named",
            test="test_face_search.py::test_a_file_is_taken_from_the_variable_a_folder_or_the_package",
        ),
    ),
    "emotion model, ONNX": row(
        NO_MODEL,
        NO_MODEL,
        NO_MODEL,
        Cell("torch's, not opened", "PyTorch's own files can run programs"),
        Cell("too long", "268,435,457 bytes or more"),
        Cell("not finite", test="test_affect.py::test_another_model_is_told"),
        Cell(
            "not offered",
            test="host/test_emotion_from_video.py::test_no_model_outside_of_the_folder_is_taken",
        ),
    ),
}
OWN = [
    pytest.param(kind, damage, id=f"{kind}-{damage}")
    for kind in CELLS
    for damage in DAMAGES
    if CELLS[kind][damage].test is None
]


@pytest.fixture
def folder():
    """One that nobody may enter too, unlike those of pytest."""
    with TemporaryDirectory(prefix="keyface-") as place:
        os.chmod(place, 0o755)
        here = Path(place) / "here"
        here.mkdir()
        yield here
        here.chmod(0o755)


@pytest.mark.skipif(not POSSIBLE, reason=NEEDS)
@pytest.mark.parametrize("name", KINDS)
def test_a_sound_file_is_read(folder, name):
    KINDS[name].whole(folder)
    assert outcome(KINDS[name].read, folder) == "read"


@pytest.mark.skipif(not POSSIBLE, reason=NEEDS)
@pytest.mark.parametrize(("name", "damage"), OWN)
def test_a_damaged_file_is_read_or_refused_in_a_line_that_names_it(folder, name, damage):
    kind, cell = KINDS[name], CELLS[name][damage]
    kind.whole(folder)

    def read(place: Path) -> None:
        if damage in ("no right to read", "folder locked"):
            kind.read(place)  # what is imported late, nobody may not read
        DAMAGES[damage](place / kind.place, kind)
        kind.read(place)

    told = outcome(read, folder)
    if cell.said is None:
        assert told == "read"
    else:
        assert re.search(cell.said, told), told
        places = Path(kind.place).parts if damage == "folder locked" else [Path(kind.place).name]
        assert any(place in told for place in places), told
    assert not [*folder.rglob("ran")]


@pytest.mark.parametrize("name", ["weights, safetensors", "weights, .pt and .ckpt"])
def test_weights_that_are_replaced_while_they_are_in_use_stay_what_they_were(folder, name):
    kind = KINDS[name]
    kind.whole(folder)
    weights = read_checkpoint(folder / kind.place).state_dict
    before = {key: tensor.clone() for key, tensor in weights.items()}
    with whole_file(folder / kind.place) as unfinished:
        unfinished.write_bytes(b"another file")
    assert same_bits(weights, before)
