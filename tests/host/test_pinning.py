"""Keyframes that are pinned, rolled again and retouched, in the host and against the library alone."""

import json
import subprocess

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import tiny_keyface

from host.prompts import only, read_workflow, saved_latent
from host.server import ROOT, host_python
from host.test_same_as_library import BOUND, portrait, relative_error
from keyface_lib.audio import load_audio
from keyface_lib.media.image import load_image

FEELING = "happy*0.7"
ROLLED, SEED = 7, 5
"""What the template rolls again, and with which seed here."""


@pytest.fixture(scope="module")
def cases(comfyui) -> dict[str, str | None]:
    """{case: what is wrong with it, or None}."""
    command = [host_python(comfyui), "pinning_cases.py", comfyui]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    return {case["name"]: case["wrong"] for case in found}


def test_held_keyframes_in_the_host(cases):
    assert len(cases) == 13
    assert not {name: wrong for name, wrong in cases.items() if wrong is not None}


def titled(prompt: dict, kind: str) -> list[str]:
    """The nodes of a type, in the order of a workflow."""
    return sorted((n for n, entry in prompt.items() if entry["class_type"] == kind), key=int)


@pytest.fixture(scope="module")
def repaired(host) -> dict:
    """Keyframes before and after the template's second sampler, and what its nodes say and show."""
    prompt = read_workflow("repair", image=host.input(portrait()), scales="as set")
    first, again = titled(prompt, "KeyFaceKeyframeSampler")
    (roll,) = titled(prompt, "KeyFaceRerollKeyframes")
    prompt[roll]["inputs"] |= {"which": str(ROLLED), "seed": SEED}
    prompt[first]["inputs"]["seed"] = 3
    looks = titled(prompt, "KeyFaceKeyframesToImages")
    saved = [saved_latent(prompt, first), saved_latent(prompt, again)]
    result = host.run(only(prompt, *saved, *looks))
    assert result.error is None, result.error
    before, after = (
        load_file(host.output(result.outputs[node]["latents"][0]))["latent_tensor"] for node in saved
    )
    shown = [result.outputs[look]["images"] for look in looks]
    return {"before": before, "after": after, "said": result.texts(again)[-1], "shown": shown}


def library(**options) -> torch.Tensor:
    clip = tiny_keyface().animate(
        load_image(portrait()), load_audio(ROOT / "assets" / "speech.flac"), emotion=FEELING, **options
    )
    return torch.cat(list(clip.animation.keyframes()))


def test_only_what_is_rolled_again_changes(repaired):
    same = [torch.equal(a, b) for a, b in zip(repaired["before"], repaired["after"], strict=True)]
    assert same == [number != ROLLED for number in range(14)]
    assert f"13 of 14 keyframes kept, the others sampled with seed {SEED}" in repaired["said"]


def test_the_library_makes_the_same_of_the_same_keyframes(repaired):
    assert relative_error(repaired["before"], library(seed=3)) < BOUND
    ours = library(seed=SEED, held=repaired["before"], reroll={ROLLED})
    assert relative_error(repaired["after"], ours) < BOUND
    assert torch.equal(repaired["after"][:ROLLED], ours[:ROLLED])


def test_every_keyframe_is_shown_as_a_thumbnail(repaired, host):
    for pictures in repaired["shown"]:
        assert len(pictures) == 14
        assert all(picture["type"] == "temp" for picture in pictures)
        assert host.output(pictures[0]).read_bytes().startswith(b"\x89PNG")
