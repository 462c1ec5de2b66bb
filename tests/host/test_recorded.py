"""The authors' recorded cases through what the nodes call, in the host's own Python."""

import json
import subprocess

from host.server import ROOT, host_python


def test_recorded_cases_through_native_models_and_stock_samplers(comfyui):
    command = [host_python(comfyui), "recorded_cases.py", comfyui, ROOT / "tests" / "golden"]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(cases) == 12
    assert not [case for case in cases if not case["error"] <= case["bound"]]
