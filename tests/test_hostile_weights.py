"""No weight file, whoever wrote it, costs more than ten seconds and a gigabyte, or ends in a traceback."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import hostile_training
import hostile_weights
import pytest

from keyface_lib.errors import KeyFaceError
from keyface_lib.weights.checkpoint import read_checkpoint

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="bounds memory as Linux does")
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What came of every case of the tables of a module, read by one process with bounds."""

    @cache
    def read(module: str) -> dict[str, dict[str, str]]:
        done = subprocess.run(
            [sys.executable, HERE / "hostile_child.py", module, tmp_path_factory.mktemp(module)],
            env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    return read


def wrong(outcome: str) -> bool:
    starts = ("raises", "is accepted", "takes", "does not name")
    return outcome.startswith(starts) or "\n" in outcome or len(outcome) > 700


@pytest.mark.parametrize("table", hostile_weights.TABLES)
def test_a_hostile_weight_file_is_refused_in_a_line_soon_and_within_a_gigabyte(outcomes, table):
    made = outcomes("hostile_weights")[table]
    assert made.keys() == getattr(hostile_weights, table).keys()
    assert not {case: outcome for case, outcome in made.items() if wrong(outcome)}


@pytest.mark.parametrize("table", hostile_training.TABLES)
def test_so_are_folders_configurations_shards_and_states(outcomes, table):
    made = outcomes("hostile_training")[table]
    assert made.keys() == getattr(hostile_training, table).keys()
    assert not {case: outcome for case, outcome in made.items() if wrong(outcome)}


@pytest.mark.parametrize("name", ["a\0b.pt", "a" * 300 + ".safetensors", "a" * 5000, "no/such/file.pt"])
def test_a_name_that_no_file_can_have_is_told_in_a_line(name):
    with pytest.raises(KeyFaceError) as error:
        read_checkpoint(name)
    assert "weight file" in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
