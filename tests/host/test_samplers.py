"""Every sampler and scheduler of the host, and its nodes around guidance, on both of KeyFace's guiders."""

import json
import subprocess

import pytest

from host.server import ROOT, host_python


@pytest.fixture(scope="module")
def cases(comfyui) -> list[dict]:
    command = [host_python(comfyui), "sampler_cases.py", comfyui]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"group"')]


@pytest.mark.parametrize(
    ("group", "at_least"),
    [
        (
            "sampler",
            2 * 42 * 10,
        ),  # both stages, as many samplers as the oldest host has, its schedulers, ours
        ("unguided", 2 * 42),
        ("cfg_pp", 2),
        ("as cfg", 50),
        ("guidance node", 2 * 9),
        ("refused node", 2 * 3),
        ("not a number", 2),
        ("out of memory", 3),
    ],
)
def test_all_of_a_group_are_right(cases, group, at_least):
    found = [case for case in cases if case["group"] == group]
    assert not [case for case in found if case["wrong"]]
    assert len(found) >= at_least
