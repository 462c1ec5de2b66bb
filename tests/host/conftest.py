"""One real server for every worker's share of the host tests."""

import os
import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file
from tiny_models import tiny_folder

from host.prompts import UPSCALER, tiny_upscaler
from host.server import Host, comfyui_path


@pytest.fixture(scope="session")
def comfyui() -> Path:
    path = comfyui_path()
    if path is None:
        line = "no ComfyUI at COMFYUI_PATH or ~/comfy/ComfyUI: the nodes are not tested"
        if os.environ.get("KEYFACE_REQUIRE_HOST") == "1":
            pytest.fail(line)
        pytest.skip(line)
    return path


@pytest.fixture(scope="session")
def host(comfyui, tmp_path_factory):
    """A running server with tiny models of every kind in its folders."""
    server = Host(comfyui, tmp_path_factory.mktemp("comfyui"))
    models = server.folder / "models"
    for folder, roles in (
        ("keyface", ("keyframe", "interpolation", "reduced", "vae")),
        ("audio_encoders", ("wavlm", "beats", "wav2vec2")),
    ):
        (models / folder).mkdir(parents=True)
        for role in roles:
            shutil.copyfile(tiny_folder() / f"{role}.safetensors", models / folder / f"{role}.safetensors")
    (models / "upscale_models").mkdir()
    save_file(tiny_upscaler(), models / "upscale_models" / UPSCALER)
    server.start()
    yield server
    server.stop()
