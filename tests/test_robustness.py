"""Whatever becomes of a file that the project opens, it is read or ends in a plain line (docs/robustness.md).

The cells of `CELLS` are the tests; `python tests/robustness_table.py` writes them into the docs as a table.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bounded import NEEDS, POSSIBLE, outcome
from damaged_kinds import KINDS, Kind, code, content

from keyface_lib import files

NOBODY = 65534
FAILING = Path("/proc/self/mem")
"""A file by all signs, whose first byte cannot be read: Linux gives an error as a failing disk does."""
READ = "read"


@dataclass(frozen=True)
class Cell:
    """What is expected of a damage.

    Attributes:
        words: what happens, for the table.
        said: part of the message, as a regular expression; "read" where it is read.
        test: what shows it in place of the test of the cell.
    """

    words: str
    said: str = READ
    test: str | None = None


def refused(said: str, words: str = "refused") -> Cell:
    return Cell(words, said)


def elsewhere(words: str, test: str) -> Cell:
    return Cell(words, "", test)


def written(damage: Callable[[Kind], bytes]) -> Callable[[Path, Kind], None]:
    """The file with another content."""

    def do(path: Path, kind: Kind) -> None:
        path.write_bytes(damage(kind))

    return do


def cut(path: Path, kind: Kind) -> None:
    os.truncate(path, path.stat().st_size // 2)


def linked(path: Path, kind: Kind) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def made_a_folder(path: Path, kind: Kind) -> None:
    path.unlink()
    path.mkdir()


def failing(path: Path, kind: Kind) -> None:
    path.unlink()
    path.symlink_to(FAILING)


def locked(path: Path, kind: Kind) -> None:
    """No right to read; root, who may read everything, becomes nobody once all is imported."""
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def in_locked_folder(path: Path, kind: Kind) -> None:
    """No right to enter the folder."""
    path.parent.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def vanishing(path: Path, kind: Kind) -> None:
    """Removed after the look at what lies there, before it is opened."""
    opens = os.open

    def gone(place, *options, **more):
        if os.fspath(place) == os.fspath(path):
            path.unlink(missing_ok=True)
        return opens(place, *options, **more)

    os.open = gone


def shrinking(path: Path, kind: Kind) -> None:
    """Cut in half by somebody else once it is open."""
    told, size = files._told, path.stat().st_size

    def shorter(descriptor, place, what):
        if os.path.samefile(place, path):
            os.truncate(path, size // 2)
        return told(descriptor, place, what)

    files._told = shorter


PAGE = b"<!DOCTYPE html>\n<html><title>404</title></html>\n"
DAMAGES: dict[str, Callable[[Path, Kind], None]] = {
    "missing": lambda path, kind: path.unlink(),
    "empty": written(lambda kind: b""),
    "cut in half": cut,
    "another kind": written(lambda kind: PAGE),
    "claims too much": written(lambda kind: content(kind.huge)),
    "NaN or infinity": written(lambda kind: content(kind.not_numbers)),
    "pickled code": lambda path, kind: path.write_bytes(code(path.with_name("ran"))) and None,
    "symbolic link": linked,
    "no right to read": locked,
    "folder locked": in_locked_folder,
    "a folder there": made_a_folder,
    "vanishes": vanishing,
    "cut while read": shrinking,
    "disk fails": failing,
}
NONE_THERE = {
    damage: refused(said)
    for damage, said in {
        "missing": "there is no such",
        "no right to read": "may not be read",
        "folder locked": "may not be read",
        "a folder there": "is a folder",
        "vanishes": "there is no such",
        "disk fails": "cannot be read to its end",
    }.items()
}
"""What is the same for every kind."""


def row(
    empty: str | Cell, half: str | Cell, other: str | Cell, huge: str, **more: Cell | str
) -> dict[str, Cell]:
    """The cells of a kind: those that are its own, over those of every kind."""
    own = {
        "empty": empty,
        "cut in half": half,
        "another kind": other,
        "claims too much": huge,
        "pickled code": more.pop("code", other),
        "cut while read": more.pop("shrinks", half),
        "symbolic link": Cell("followed"),
        "NaN or infinity": more.pop("nan"),
        **{name.replace("_", " "): cell for name, cell in more.items()},
    }
    cells = {name: refused(cell) if isinstance(cell, str) else cell for name, cell in own.items()}
    return {damage: (NONE_THERE | cells)[damage] for damage in DAMAGES}


MODELS = elsewhere(
    "not offered", "host/test_bad_inputs.py::test_no_path_outside_the_folders_that_are_offered"
)
INPUTS = elsewhere(
    "ComfyUI refuses", "host/test_bad_inputs.py::test_no_path_outside_the_folders_that_are_offered"
)
TYPED = elsewhere("text, no path", "host/test_bad_inputs.py::test_a_curve_that_cannot_be_read")
NOT_IN_NODES = elsewhere(
    "no node opens it", "test_robustness_table.py::test_nodes_open_no_file_by_themselves"
)
OUTSIDE = "outside, in ComfyUI"
"""A path that leads out of the folders that a node may open."""
FAR = Cell("read as far as it goes")
NO_SOUND, NO_VIDEO = "cannot be read as audio or video", "cannot be read as a video or picture"
NO_JSON, NO_SAFETENSORS = "is no JSON that can be used", "is no complete safetensors file"
NO_TORCH, NO_CLIP, NO_DETECTOR = (
    "is no torch checkpoint or is damaged",
    "hold no clip",
    "is no YuNet face detector",
)
SAMPLED = "test_inputs.py::test_what_is_not_a_number_is_told_with_its_stage_and_never_becomes_a_video"
CELLS: dict[str, dict[str, Cell]] = {
    "picture": row(
        "is not a picture",
        "is truncated|is cut off",
        "is a web page",
        "has more than 100 million pixels",
        code="is not a picture",
        nan="floating point, without a defined white",
    ),
    "recording": row(
        NO_SOUND, FAR, NO_SOUND, "it claims 134217728 samples", nan="samples are NaN or infinite"
    ),
    "video": row(
        NO_VIDEO,
        NO_VIDEO,
        NO_VIDEO,
        "it claims 134217728 samples",
        nan=elsewhere("holds no floats", "test_film.py::test_pictures_are_in_the_librarys_range"),
    ),
    "curve, JSON": row(
        "malformed at line 1, column 1",
        "malformed at line 1",
        "malformed at line 1",
        "more than 100000 points",
        code="is neither UTF-8 nor UTF-16 text",
        nan="valence at 0 s is nan",
    ),
    "curve, table": row(
        "the first line is ''",
        "line 2 has 2 cells, the first line 3",
        "the first line is",
        "more than 100000 points",
        code="is neither UTF-8 nor UTF-16 text",
        nan="'nan' where a number belongs",
    ),
    "curve, text": row(
        "emotion '' cannot be read",
        "emotion '2' has no time",
        "has no time",
        "characters; up to 500000 are read",
        code="is neither UTF-8 nor UTF-16 text",
        nan="'nan' where a number belongs",
    ),
    "weights, safetensors": row(
        NO_SAFETENSORS, NO_SAFETENSORS, NO_SAFETENSORS, "1,099,511,627,776 bytes", nan="it says NaN"
    ),
    "weights, .pt and .ckpt": row(
        NO_TORCH,
        NO_TORCH,
        "this is a web page",
        "a storage is not as long as its entry",
        code="is refused because its pickle asks for 'os.system'",
        nan=elsewhere("told when sampled", SAMPLED),
    ),
    "model folder's config.json": row(
        NO_JSON, NO_JSON, NO_JSON, "is longer than", nan="it says NaN", missing=Cell("not needed")
    ),
    "encoder's config.json": row(
        NO_JSON,
        NO_JSON,
        NO_JSON,
        "is longer than",
        nan="it says NaN",
        missing=Cell("not needed"),
        a_folder_there=Cell("as if missing"),
    ),
    "training config, TOML": row(
        "run.folder is missing",
        "is no valid TOML",
        "is no valid TOML",
        "has more than",
        nan="noise.mean is nan",
    ),
    "training shard, tar": row(
        NO_CLIP,
        refused("ends in the middle of a file; its first 1 clips", "clip is passed over"),
        NO_CLIP,
        NO_CLIP,
        shrinks=refused("its first 1 clips are used", "clip is passed over"),
        nan=elsewhere(
            "clip is passed over", "test_train_data.py::test_broken_clips_are_replaced_by_the_next_and_named"
        ),
        missing="no file matches",
        folder_locked="no file matches",
        vanishes="there is no such shard",
    ),
    "resume state, facts": row(
        NO_JSON, NO_JSON, NO_JSON, "parts is 1000000000000", nan="it says Infinity, which is no number"
    ),
    "resume state, tensors": row(
        NO_SAFETENSORS,
        NO_SAFETENSORS,
        NO_SAFETENSORS,
        "1,099,511,627,776 bytes",
        nan="holds NaN or infinity",
    ),
    "face detector, ONNX": row(
        NO_DETECTOR,
        NO_DETECTOR,
        NO_DETECTOR,
        "16,777,217 bytes or more",
        nan=elsewhere(
            "face is left out", "test_face_search.py::test_faces_of_which_a_number_is_none_are_left_out"
        ),
    ),
    "emotion model, ONNX": row(
        "it is empty",
        "is no HSEmotion model",
        "is no HSEmotion model",
        "268,435,457 bytes or more",
        code="PyTorch's own files can run programs",
        nan=elsewhere("refused", "test_affect.py::test_another_model_is_told"),
    ),
}
for _kind, _cell in {
    "picture": INPUTS,
    "recording": INPUTS,
    "video": INPUTS,
    "curve, JSON": TYPED,
    "curve, table": TYPED,
    "curve, text": TYPED,
    "weights, safetensors": MODELS,
    "weights, .pt and .ckpt": MODELS,
    "model folder's config.json": NOT_IN_NODES,
    "encoder's config.json": elsewhere("beside its weights", MODELS.test or ""),
    "training config, TOML": NOT_IN_NODES,
    "training shard, tar": NOT_IN_NODES,
    "resume state, facts": NOT_IN_NODES,
    "resume state, tensors": NOT_IN_NODES,
    "face detector, ONNX": elsewhere(
        "found, not named",
        "test_face_search.py::test_a_file_is_taken_from_the_variable_a_folder_or_the_package",
    ),
    "emotion model, ONNX": elsewhere(
        "not offered", "host/test_emotion_from_video.py::test_no_model_outside_of_the_folder_is_taken"
    ),
}.items():
    CELLS[_kind][OUTSIDE] = _cell
OWN = [
    pytest.param(kind, damage, id=f"{kind}-{damage}")
    for kind, cells in CELLS.items()
    for damage, cell in cells.items()
    if cell.test is None
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
    assert outcome(KINDS[name].read, folder) == READ


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
    assert re.search(cell.said, told), told
    names = Path(kind.place).parts if damage == "folder locked" else [Path(kind.place).name]
    assert told == READ if cell.said == READ else any(name in told for name in names)
    assert not [*folder.rglob("ran")]
