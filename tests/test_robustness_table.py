"""The table of docs/robustness.md is what tests show, and has a row for every file that the code opens."""

import ast
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from damaged_kinds import KINDS
from robustness_table import BEGIN, COLUMNS, END, PAGE, others, table
from test_robustness import CELLS

from keyface_lib import files, strict_json

ROOT = Path(__file__).parents[1]
DOORS = {"open_file": files.open_file, "read_json": strict_json.read_json}
"""What the library opens files with that anybody may have written."""
NOT_IN_ROWS = {
    "keyface_lib/work/keys.py:fingerprint_of_file": "test_work.py::test_another_film_makes_another_video",
    "keyface_lib/audio/containers.py:held": "test_recordings.py::test_a_pipe_is_read_once_and_heard_twice",
}
"""Functions that open what is no file, and the tests of these."""
RAW = {"open", "safe_open", "from_file", "memmap", "fromfile", "read_text", "read_bytes", "copyfile"}
RAW |= {f"{package}.load" for package in ("torch", "np", "json", "pickle")}
"""Calls that open files without a look at what lies there."""
RAW_CALLS = {
    "keyface_lib/audio/containers.py": "PyAV, of a file that is open",
    "keyface_lib/cli/terminal.py": "the null device",
    "keyface_lib/clip/kept.py": "features, mapped where their checksum was right",
    "keyface_lib/clip/cost.py": "Linux's own figures of memory",
    "keyface_lib/data/shards.py": "tarfile, of a file that is open; arrays, mapped where it was looked at",
    "keyface_lib/data/shard_writer.py": "a shard that is written",
    "keyface_lib/files.py": "the door itself",
    "keyface_lib/media/image.py": "Pillow, of a file that is open",
    "keyface_lib/media/moving_picture.py": "Pillow, of a file that is open",
    "keyface_lib/locks.py": "a lock that is written",
    "keyface_lib/media/joined_movie.py": "pieces whose checksums were right, and a video that is written",
    "keyface_lib/media/movie.py": "a video that is written",
    "keyface_lib/media/pictures.py": "a sound that is written",
    "keyface_lib/media/video.py": "an output that is tried out",
    "keyface_lib/toyworld/espeak_worker.py": "what its own parent wrote to it",
    "keyface_lib/train/progress.py": "a log that is written",
    "keyface_lib/weights/released.py": "safetensors, where the header was looked at",
    "keyface_lib/weights/storages.py": "bytes, mapped where the archive was looked at",
    "keyface_lib/work/store.py": "safetensors, where the checksum was right",
    "nodes/example_inputs.py": "the pack's own examples, copied",
}
"""Files with such calls, and why they are no doors."""


def calls(folder: str) -> Iterator[tuple[str, str, int, int]]:
    """(file, name or package.name called, first and last line) of every call in the source of a folder."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                name = called if called in RAW else called.rpartition(".")[2]
                yield path.relative_to(ROOT).as_posix(), name, node.lineno, node.end_lineno or node.lineno


@pytest.fixture(scope="module")
def reached(tmp_path_factory) -> set[tuple[str, int]]:
    """(file, line) from which the doors are called while a sound file of every kind is read."""
    codes, found = {door.__code__ for door in DOORS.values()}, set()

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code in codes and frame.f_back:
            path = Path(frame.f_back.f_code.co_filename)
            if path.is_relative_to(ROOT):
                found.add((path.relative_to(ROOT).as_posix(), frame.f_back.f_lineno))

    for kind in KINDS.values():
        folder = tmp_path_factory.mktemp("whole")
        kind.whole(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sys.setprofile(watch)
            try:
                kind.read(folder)
            finally:
                sys.setprofile(None)
    return found


def test_every_place_in_the_code_that_opens_a_file_is_reached_by_a_row(reached):
    unreached = {
        f"{file}:{first}"
        for file, name, first, last in calls("keyface_lib")
        if name in DOORS and not any(where == file and first <= line <= last for where, line in reached)
    }
    for place in NOT_IN_ROWS:
        file, function = place.split(":")
        spans = [
            range(node.lineno, (node.end_lineno or 0) + 1)
            for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef) and node.name == function
        ]
        known = {f"{file}:{line}" for span in spans for line in span}
        assert known & unreached, f"{place} is reached, or opens nothing"
        unreached -= known
    assert not unreached, "give these a row in tests/damaged_kinds.py and tests/test_robustness.py"


def test_nothing_else_opens_files():
    raw = {file for folder in ("keyface_lib", "nodes") for file, name, *_ in calls(folder) if name in RAW}
    assert raw == set(RAW_CALLS)


def test_nodes_open_no_file_by_themselves():
    assert {(file, name) for file, name, *_ in calls("nodes") if name in {*DOORS, *RAW}} == {
        ("nodes/example_inputs.py", "copyfile")
    }


def test_the_table_has_every_kind_and_every_damage_and_no_empty_cell():
    assert CELLS.keys() == KINDS.keys()
    for kind, cells in CELLS.items():
        assert set(cells) == set(COLUMNS), kind
        assert all(cell.words.strip() for cell in cells.values()), kind


@pytest.mark.parametrize("test", [*others(), *NOT_IN_ROWS.values()])
def test_every_test_that_the_table_names_exists(test):
    file, name = test.split("::")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_holds_the_table_that_is_tested():
    page = PAGE.read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0] == table(), "write it with: python tests/robustness_table.py"
