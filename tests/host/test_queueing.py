"""Queueing an unchanged workflow reads no weight file again: released ones take half a second each."""

import json
import subprocess

from host.conftest import fill_with_tiny_models
from host.server import ROOT, host_python


def test_a_file_is_read_once_and_again_when_it_changes(comfyui, tmp_path):
    fill_with_tiny_models(tmp_path)
    command = [host_python(comfyui), "queueing_cases.py", comfyui, tmp_path]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    read = json.loads(done.stdout.splitlines()[-1])
    assert len(read["first"]) == len(set(read["first"])) == 7
    assert read["again"] == []
    assert read["changed"] == ["reduced.safetensors"]
    assert "reduced.safetensors" in read["damaged"]
    assert read["mended"] is True
