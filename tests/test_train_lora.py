"""Fine-tuning by low-rank additions, in the names ComfyUI applies."""

from pathlib import Path

import pytest
import torch
from golden_cases.networks import recorded_network
from safetensors.torch import load_file
from training_runs import entries, write_clips

from keyface_lib.data.shards import index_clips
from keyface_lib.errors import KeyFaceError
from keyface_lib.networks.network import load_network
from keyface_lib.train.config_file import config_from
from keyface_lib.train.loop import train
from keyface_lib.train.lora import add_lora, lora_tensors
from keyface_lib.train.networks import data_facts, initial_network
from keyface_lib.train.state import read_state
from keyface_lib.weights.architecture import UNET
from keyface_lib.weights.checkpoint import read_checkpoint, write_checkpoint
from keyface_lib.weights.metadata import Metadata

pytest.importorskip("peft")
GOLDEN = Path(__file__).parent / "golden"


def merged(state, additions):
    """A checkpoint with the additions applied as ComfyUI's loader does."""
    layers = {name.removesuffix(".alpha") for name in additions if name.endswith(".alpha")}
    state = {name: tensor.float() for name, tensor in state.items()}
    for layer in layers:
        up, down = (additions[f"{layer}.lora_{side}.weight"].float() for side in ("up", "down"))
        weight = UNET + layer.removeprefix("diffusion_model.") + ".weight"
        assert weight in state
        state[weight] = state[weight] + float(additions[f"{layer}.alpha"]) / len(down) * (up @ down)
    return state


def test_applied_as_comfyui_does_the_additions_make_the_trained_network():
    plain, adapted = recorded_network(GOLDEN, "keyframe"), recorded_network(GOLDEN, "keyframe")
    config = config_from(
        entries("x", Path("x"), network={"start": "x"}, lora={"rank": 3, "alpha": 6.0}), "keyframes"
    )
    trained = add_lora(adapted, config.lora, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in trained.values():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    additions = lora_tensors(adapted, config.lora)
    assert len(additions) == 3 * len(trained) / 2
    assert all(name.startswith("diffusion_model.") for name in additions)
    state = merged(plain.released_state(), additions)
    plain.load_state_dict({ours: state[name] for ours, name in plain.released_names().items()})
    x = torch.randn(1, 14, 8, 8, 8, generator=generator)
    context = torch.randn(1, 14, 64, generator=generator)
    vector = torch.randn(1, 14, 576, generator=generator)
    with torch.inference_mode():
        one, other = (n.unet(x, torch.zeros(1), context, vector) for n in (plain, adapted))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_run_trains_and_stores_the_additions_alone(tmp_path):
    shards = write_clips(tmp_path / "clips", clips=2)
    base = config_from(entries(shards, tmp_path / "base"), "keyframes")
    network = initial_network("keyframe", base, data_facts(index_clips([shards]), base.network.encoders))
    metadata = Metadata("keyframe", unet=network.sizes, image_size=64, encoders=["voice", "noises"])
    write_checkpoint(tmp_path / "base.safetensors", network.released_state(), metadata)
    options = {"network": {"start": str(tmp_path / "base.safetensors")}, "lora": {"rank": 2}}
    outcome = train("keyframes", config_from(entries(shards, tmp_path / "run", **options), "keyframes"))
    assert outcome.weights.name == "lora.safetensors"
    assert outcome.weights.stat().st_size < 60_000
    stored = read_state(tmp_path / "run").tensors
    assert all("lora_" in name for name in stored)
    additions = load_file(outcome.weights)
    assert any(tensor.abs().max() > 0 for name, tensor in additions.items() if "lora_up" in name)
    state = merged(read_checkpoint(tmp_path / "base.safetensors").state_dict, additions)
    write_checkpoint(tmp_path / "merged.safetensors", state, metadata)
    load_network(read_checkpoint(tmp_path / "merged.safetensors"), "merged.safetensors")


def test_a_network_that_is_not_whole_gets_no_additions(tmp_path):
    shards = write_clips(tmp_path / "clips", clips=1)
    network = recorded_network(GOLDEN, "keyframe")
    metadata = Metadata("keyframe", unet=network.sizes, image_size=64, encoders=["voice"])
    write_checkpoint(tmp_path / "other.safetensors", network.released_state(), metadata)
    sizes = {
        key: network.sizes[key] for key in ("model_channels", "channel_mult", "num_res_blocks", "context_dim")
    }
    sizes |= {"attention_resolutions": [2, 1], "start": str(tmp_path / "other.safetensors")}
    for heads, said in ((16, "lora.rank needs a whole network"), (32, "has attention heads of 16")):
        changed = {"network": sizes | {"num_head_channels": heads}, "lora": {"rank": 1}}
        with pytest.raises(KeyFaceError, match=said):
            train("keyframes", config_from(entries(shards, tmp_path / "run", **changed), "keyframes"))


def test_targets_that_no_layer_is_called_are_named():
    config = config_from(
        entries("x", Path("x"), network={"start": "x"}, lora={"rank": 1, "targets": ["to_x"]}), "keyframes"
    )
    with pytest.raises(KeyFaceError, match=r"no layer's name ends in to_x"):
        add_lora(recorded_network(GOLDEN, "keyframe"), config.lora, seed=0)
