"""The networks' tensors under their released names, and what happens at other sizes."""

from pathlib import Path

import pytest
import torch
from golden_cases.networks import recorded_network
from golden_cases.vae import recorded_vae
from recorded_weights import full_size, tiny
from safetensors.torch import save_file

from keyface_lib.errors import KeyFaceError
from keyface_lib.networks.network import load_network
from keyface_lib.networks.unet import build_unet, released_names
from keyface_lib.networks.vae import load_vae, released_vae_state
from keyface_lib.weights.architecture import VAE, unet_sizes, vae_sizes
from keyface_lib.weights.checkpoint import Checkpoint, read_checkpoint
from keyface_lib.weights.keymap import from_diffusers_vae
from keyface_lib.weights.metadata import Metadata

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("role", ["keyframe", "interpolation"])
def test_the_full_size_released_network_loads_with_nothing_missing_and_nothing_left_over(role):
    state = full_size(role)
    metadata = Metadata(role=role, unet=unet_sizes(state))
    network = load_network(Checkpoint(state, metadata), "released")
    assert sum(p.numel() for p in network.unet.parameters()) == pytest.approx(1.525e9, rel=1e-3)
    expected = {name for name in state if not name.startswith(VAE)}
    assert set(network.released_state()) == expected


def test_the_full_size_released_decoder_loads_with_nothing_missing_and_nothing_left_over():
    state = {name: tensor for name, tensor in full_size("keyframe").items() if name.startswith(VAE)}
    vae = load_vae(state, "released")
    names = released_vae_state(vae, vae_sizes(state))
    assert {VAE + name: tensor.shape for name, tensor in names.items()} == {
        name: tensor.shape for name, tensor in state.items()
    }
    with pytest.raises(KeyFaceError, match="no encoder"):
        vae.encode_image(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("attends", [[4, 2, 1], [4, 2], [2, 1], [8, 4, 2, 1]])
def test_every_tensor_has_a_released_name_of_its_own_whichever_levels_attend(attends):
    sizes = {
        "model_channels": 32,
        "channel_mult": [1, 2, 2, 4],
        "num_res_blocks": 2,
        "attention_resolutions": attends,
        "num_head_channels": 16,
        "context_dim": 24,
        "in_channels": 8,
        "vector_dim": 48,
    }
    with torch.device("meta"):
        unet = build_unet(sizes)
    names = released_names(unet, sizes)
    assert len(set(names.values())) == len(names)
    tensors = unet.state_dict()
    state = {released: tensors[ours] for ours, released in names.items()}
    read_back = unet_sizes(state, num_head_channels=16)
    assert {name: read_back[name] for name in sizes} == sizes


@pytest.mark.parametrize("role", ["keyframe", "interpolation", "reduced"])
def test_a_network_gives_back_the_tensors_it_was_loaded_from(role):
    network = recorded_network(GOLDEN, role)
    again = load_network(
        Checkpoint(network.released_state(), Metadata(role=role, unet=network.sizes)), "memory"
    )
    for name, tensor in again.released_state().items():
        assert torch.equal(tensor, network.released_state()[name])


def test_a_missing_tensor_is_named():
    network = recorded_network(GOLDEN, "keyframe")
    state = network.released_state()
    name = "model.diffusion_model.middle_block.1.proj_in.weight"
    del state[name]
    with pytest.raises(KeyFaceError, match=name):
        load_network(Checkpoint(state, Metadata(role="keyframe", unet=network.sizes)), "short.pt")


def test_the_learned_mask_is_resized_to_other_latents_and_untouched_at_its_own():
    network = recorded_network(GOLDEN, "interpolation")
    assert network.mask_for(8, 8) is network.learned_mask
    resized = network.mask_for(12, 16)
    assert resized.shape == (4, 12, 16)
    assert resized.mean() == pytest.approx(network.learned_mask.mean().item(), abs=0.05)


def test_frames_decode_the_same_alone_and_in_a_batch():
    vae = recorded_vae(GOLDEN)
    latents = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = vae.decode_frames(latents)
        alone = torch.cat([vae.decode_frames(latent[None]) for latent in latents])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_vae_in_diffusers_names_reads_as_the_released_one(tmp_path):
    vae = recorded_vae(GOLDEN)
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in vae.state_dict().items()}, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.metadata.role == "vae"
    again = load_vae(checkpoint.state_dict, str(path))
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.equal(again.encode_image(image), vae.encode_image(image))


def test_the_encoder_of_stable_diffusion_1_reads_in_diffusers_names_too():
    from diffusers import AutoencoderKL

    channels = [32, 64]
    flat = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        block_out_channels=channels,
        layers_per_block=1,
    ).eval()
    temporal = released_vae_state(recorded_vae(GOLDEN), vae_sizes(tiny("tiny_vae")))
    own = from_diffusers_vae(flat.state_dict())
    joined = {name: tensor for name, tensor in temporal.items() if name.startswith("decoder.")}
    joined |= {name: tensor for name, tensor in own.items() if name.startswith(("encoder.", "quant_conv."))}
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected = flat.encode(image).latent_dist.mode()
    torch.testing.assert_close(load_vae(joined, "joined").encode_image(image), expected)
