"""Models run however much of them has room on the card: all, half, little, none, or what the host streams."""

import json
import subprocess

import pytest
from tiny_models import tiny_folder

from host.server import ROOT, has_dynamic_memory, host_python

ENCODERS = ("wavlm", "beats", "wav2vec2")
"""Whole or not at all: their layers, transformers', use weights where these are."""
SHARES = {
    "normal": (1.0, 1.0),
    "half": (0.3, 0.7),
    "lowvram": (0.0, 0.2),
    "novram": (0.0, 0.0),
    "dynamic": (0.0, 0.3),
    "dynamic, on the processor": (0.0, 0.0),
}
"""What share of the weights of networks and VAE lies on the card, at least and at most."""


@pytest.fixture(scope="session")
def outcomes(comfyui) -> dict[str, dict[str, dict]]:
    """{mode: {what was run: share on the card and problem}}."""
    command = [host_python(comfyui), "placement_cases.py", comfyui, tiny_folder()]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, dict]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            case = json.loads(line)
            found.setdefault(case["mode"], {})[case["what"]] = case
    return found


@pytest.mark.parametrize("mode", SHARES)
def test_models_run_in_every_way_the_host_shares_memory(comfyui, outcomes, mode):
    if mode.startswith("dynamic") and not has_dynamic_memory(comfyui):
        pytest.skip("this ComfyUI has no dynamic memory")
    cases = outcomes[mode]
    assert {"keyframes", "keyframes in fp8", "interpolation", "autoencoder", *ENCODERS} == set(cases)
    assert {what: case["problem"] for what, case in cases.items()} == dict.fromkeys(cases)
    least, most = SHARES[mode]
    for what, case in cases.items():
        if what in ENCODERS:
            assert case["on_card"] == (0.0 if mode in ("novram", "dynamic, on the processor") else 1.0), what
        else:
            assert least <= case["on_card"] <= most, what
