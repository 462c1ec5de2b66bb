"""No weight file, whoever wrote it, costs more than ten seconds and a gigabyte, or ends in a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile_weights
import pytest

from keyface_lib.errors import KeyFaceError
from keyface_lib.weights.checkpoint import read_checkpoint

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="bounds memory as Linux does")
HERE = Path(__file__).parent


def outcomes(module: str, table: str, folder: Path) -> dict[str, str]:
    """What came of every case of a table, read by a process with bounds."""
    done = subprocess.run(
        [sys.executable, HERE / "hostile_child.py", module, table, folder],
        env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def wrong(outcome: str) -> bool:
    starts = ("raises", "is accepted", "takes", "does not name")
    return outcome.startswith(starts) or "\n" in outcome or len(outcome) > 700


@pytest.mark.parametrize("table", ["PICKLES", "HEADERS", "TENSORS", "PLACES"])
def test_a_hostile_weight_file_is_refused_in_a_line_soon_and_within_a_gigabyte(tmp_path, table):
    made = outcomes("hostile_weights", table, tmp_path)
    assert made.keys() == getattr(hostile_weights, table).keys()
    assert not {case: outcome for case, outcome in made.items() if wrong(outcome)}


@pytest.mark.parametrize("name", ["a\0b.pt", "a" * 300 + ".safetensors", "a" * 5000, "no/such/file.pt"])
def test_a_name_that_no_file_can_have_is_told_in_a_line(name):
    with pytest.raises(KeyFaceError) as error:
        read_checkpoint(name)
    assert "cannot be read" in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
