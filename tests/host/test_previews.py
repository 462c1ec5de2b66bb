"""Live previews: the small model's latents in colours of their own, others in Stable Diffusion's."""

import json
import subprocess

import pytest
import torch

from host.server import ROOT, host_python
from keyface_lib.pipeline import KeyFace


@pytest.fixture(scope="module")
def found(comfyui, tmp_path_factory) -> dict:
    command = [host_python(comfyui), "preview_cases.py", comfyui, tmp_path_factory.mktemp("previews")]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_preview_looks_like_what_is_decoded(found):
    assert found["preview"] > 0.75
    assert found["with Stable Diffusion's colours"] < 0.5
    assert found["reduced has them"]
    assert found["scaled alike"]


def test_the_timeline_draws_keyframes_of_stock_samplers_in_them(found):
    assert found["timeline"] > 0.75


def test_a_model_whose_autoencoder_says_nothing_keeps_the_usual_colours(found):
    assert found["without"]


def test_a_strange_portrait_is_told_what_the_command_tells(found):
    noise = torch.rand(1, 96, 96, 3, generator=torch.Generator().manual_seed(0))[0].movedim(-1, 0) * 2 - 1
    with pytest.warns(UserWarning, match="demonstration") as warned:
        KeyFace.from_pretrained(device="cpu").encode_portrait(noise)
    assert found["known"] == []
    assert found["strange"] == [f"KeyFace: {warned[0].message}"]
