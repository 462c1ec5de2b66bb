"""Motion and Expression and the silence gate, in the host."""

import json
import subprocess

from host.server import ROOT, host_python


def test_performances_in_the_host(comfyui):
    command = [host_python(comfyui), "performance_cases.py", comfyui]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    assert len(found) == 8
    assert not {case["name"]: case["wrong"] for case in found if case["wrong"] is not None}
