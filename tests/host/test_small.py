"""A ComfyUI without any model: what a newcomer has, who opens a template and queues it."""

import pytest

from host.prompts import WORKFLOWS, node_of, read_workflow
from host.server import Host
from host.test_workflows import FRAMES, probe
from keyface_lib import small

RUNNABLE = [name for name in WORKFLOWS if name != "upscale"]
"""The others need models that are not KeyFace's."""


@pytest.fixture(scope="module")
def bare_host(comfyui, tmp_path_factory):
    server = Host(comfyui, tmp_path_factory.mktemp("newcomer"))
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_template_runs_as_it_is(bare_host, name):
    prompt = read_workflow(name, steps=1)
    result = bare_host.run(prompt)
    assert result.error is None, result.error
    (saved,) = result.outputs[node_of(prompt, "SaveVideo")]["images"]
    found = probe(bare_host.output(saved))
    assert found["frames"] == FRAMES
    assert found["size"] == (64, 64)


def test_the_loader_lists_it(bare_host):
    inputs = bare_host.get("/object_info/KeyFaceLoadModels")["KeyFaceLoadModels"]["input"]["required"]
    for role in ("keyframe", "interpolation", "reduced", "vae"):
        kind, options = inputs[role]
        assert small.NAME in (options["options"] if kind == "COMBO" else kind)


def test_networks_of_one_model_stay_together(host):
    """With other networks in models/keyface, one choice of the small model brings the rest of it."""
    prompt = read_workflow("simple", steps=1, keyframe=small.NAME)
    assert host.run(prompt).error is None
