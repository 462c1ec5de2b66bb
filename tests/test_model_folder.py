"""A model folder's files belong together, or say in a line that they do not."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from tiny_models import tiny_folder

from keyface_lib.clip.models import find_files, load_models
from keyface_lib.errors import KeyFaceError
from keyface_lib.weights.checkpoint import read_checkpoint, write_checkpoint


@pytest.fixture
def folder(tmp_path):
    """A complete model folder of links to the tiny one's files."""
    made = tmp_path / "models"
    made.mkdir()
    for path in tiny_folder().glob("*.safetensors"):
        (made / path.name).symlink_to(path)
    return made


def changed(folder, role, **metadata):
    """Writes the file of a role with other metadata."""
    path = folder / f"{role}.safetensors"
    checkpoint = read_checkpoint(path)
    tensors = {name: tensor.clone() for name, tensor in checkpoint.state_dict.items()}
    path.unlink()
    write_checkpoint(path, tensors, replace(checkpoint.metadata, **metadata))


@pytest.mark.parametrize(
    ("role", "metadata", "said"),
    [
        (
            "keyframe",
            {"encoders": ["wavlm", "../../x"]},
            "hears '../../x', which is unknown; there are wavlm",
        ),
        ("interpolation", {"encoders": ["voice"]}, "hears 'voice', which is unknown"),
        ("keyframe", {"encoders": ["wavlm"]}, "is conditioned on 64 audio features, and wavlm have 32"),
        ("interpolation", {"image_size": 128}, "use files that belong together"),
        ("keyframe", {"image_size": 65}, "use files that belong together"),
    ],
)
def test_files_that_do_not_belong_together_are_named(folder, role, metadata, said):
    changed(folder, role, **metadata)
    with pytest.raises(KeyFaceError) as error:
        load_models(folder, torch.device("cpu"))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_config_names_files_inside_the_folder_and_links_are_followed(folder):
    (folder / "mine").mkdir()
    shutil.move(folder / "keyframe.safetensors", folder / "mine" / "k.safetensors")
    (folder / "config.json").write_text(json.dumps({"files": {"keyframe": "mine/k.safetensors", "new": 3}}))
    assert find_files(folder)["keyframe"] == folder / "mine" / "k.safetensors"


@pytest.mark.parametrize("config", [{}, {"model_type": "wav2vec2", "hidden_size": 5}, {"files": {}}])
def test_a_config_that_names_no_files_is_left_alone(folder, config):
    (folder / "config.json").write_text(json.dumps(config))
    assert find_files(folder)["vae"] == folder / "vae.safetensors"
