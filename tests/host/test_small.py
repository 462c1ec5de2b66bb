"""A ComfyUI without any model: what a newcomer has, who opens a template and queues it."""

import pytest
import torch
from safetensors.torch import load_file

from host.prompts import FOREIGN, NOT_HERE, REFUSED, WORKFLOWS, node_of, only, read_workflow, saved_latent
from host.server import ROOT
from host.test_workflows import frames_of, probe, size_of
from keyface_lib import small
from keyface_lib.weights.checkpoint import read_checkpoint

RUNNABLE = [name for name in WORKFLOWS if name not in (*FOREIGN, *REFUSED, *NOT_HERE)]
"""The others need models that are not KeyFace's, or its released weights."""


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_template_runs_as_it_is(bare_host, name):
    prompt = read_workflow(name, steps=1)
    result = bare_host.run(prompt)
    assert result.error is None, result.error
    (saved,) = result.outputs[node_of(prompt, "SaveVideo")]["images"]
    found = probe(bare_host.output(saved))
    assert found["frames"] == frames_of(name)
    assert found["size"] == size_of(name, side=64, enlarged=64)


def test_the_loader_lists_it(bare_host):
    inputs = bare_host.get("/object_info/KeyFaceLoadModels")["KeyFaceLoadModels"]["input"]["required"]
    for role in ("keyframe", "interpolation", "reduced", "vae"):
        kind, options = inputs[role]
        assert small.NAME in (options["options"] if kind == "COMBO" else kind)


def test_networks_of_one_model_stay_together(host):
    """With other networks in models/keyface, one choice of the small model brings the rest of it."""
    prompt = read_workflow("simple", steps=1, keyframe=small.NAME)
    assert host.run(prompt).error is None


def test_scales_come_from_the_node_or_from_the_models_file(bare_host):
    own = {
        f"{name}_scale": scale
        for role in ("keyframe", "interpolation")
        for name, scale in read_checkpoint(small.FOLDER / f"{role}.safetensors").metadata.guidance.items()
    }
    own["autoguidance_scale"] = own.pop("auto_scale")

    def frames(scales: str | None, **numbers) -> torch.Tensor:
        prompt = read_workflow("two_stage", steps=1, **numbers)
        stages = [node_of(prompt, f"KeyFace{stage}Sampler") for stage in ("Keyframe", "Interpolation")]
        for stage in stages:
            prompt[stage]["inputs"]["scales"] = scales
            if scales is None:  # a workflow from before there was the input
                del prompt[stage]["inputs"]["scales"]
        prompt[stages[1]]["inputs"]["keyframes"] = [stages[0], 0]
        saved = saved_latent(prompt, stages[1])
        result = bare_host.run(only(prompt, saved))
        assert result.error is None, result.error
        return load_file(bare_host.output(result.outputs[saved]["latents"][0]))["latent_tensor"]

    other = {name: number + 1 for name, number in own.items()}
    wanted = frames("as set", **own)
    assert torch.equal(frames("from the model", **other), wanted)
    set_here = frames("as set", **other)
    assert not torch.equal(set_here, wanted)
    assert torch.equal(frames(None, **other), set_here)


@pytest.mark.parametrize(
    ("portrait", "known"), [(small.PORTRAIT, True), (ROOT / "assets" / "portrait.jpg", False)]
)
def test_a_portrait_it_does_not_know_is_told_on_the_node_and_runs(bare_host, portrait, known):
    prompt = read_workflow(
        "simple", steps=1, seed=40, image=bare_host.input(portrait, f"asked{portrait.suffix}")
    )
    result = bare_host.run(prompt)
    assert result.error is None, result.error
    animate = result.texts(node_of(prompt, "KeyFaceAnimate"))
    assert ("is a demonstration for drawn faces" in animate[-1]) is not known
    assert animate[-1].startswith("guidance: ")
