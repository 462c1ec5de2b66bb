"""The losses, what is dropped and frozen, where weights come from, and the schedule of the optimizer."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from golden_cases.networks import recorded_network
from safetensors.torch import save_file
from torch import nn

from keyface_lib.errors import KeyFaceError
from keyface_lib.train.config import Loss, Optimizer
from keyface_lib.train.losses import decoded_slots, latent_losses, pixel_losses
from keyface_lib.train.optimizer import Average, adamw, learning_rate_factor, moments, restore_moments
from keyface_lib.train.perceptual import load_perceptual
from keyface_lib.train.step import NetworkStep, batch_conditioning, denoise_batch, is_temporal, start_from

GOLDEN = Path(__file__).parent / "golden"
LATENT_ONLY = Loss(pixel_l2=0.0, pixel_lpips=0.0)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def batch(role, sequences=2, keep_identity=1.0, keep_audio=1.0):
    made = {
        "latents": 5 * normal(sequences, 14, 4, 8, 8),
        "noise": normal(sequences, 14, 4, 8, 8, seed=1),
        "sigma": torch.full((sequences,), 2.0),
        "audio": normal(sequences, 14, 2, 48, seed=2),
        "keep_identity": torch.full((sequences,), keep_identity),
        "keep_audio": torch.full((sequences,), keep_audio),
    }
    if role == "keyframe":
        made["identity"] = 5 * normal(sequences, 4, 8, 8, seed=3)
        made["valence"], made["arousal"] = normal(2, sequences, 14, seed=4).clamp(-1, 1)
    else:
        made["ends"] = made["latents"][:, [0, -1]]
    return made


@cache
def network(role):
    return recorded_network(GOLDEN, role)


def test_the_mouths_half_counts_lambda_lower_times():
    target = torch.zeros(1, 14, 4, 8, 8)
    upper, lower = target.clone(), target.clone()
    upper[..., :4, :] = 1
    lower[..., 4:, :] = 1
    sigma = torch.tensor([1.0])
    for kind in ("l2", "l1"):
        up, low = (latent_losses(x, target, sigma, 3.0, kind).mean() for x in (upper, lower))
        assert up == pytest.approx(2 * 0.5)  # lambda(t) is 2 at sigma 1
        assert low == pytest.approx(3 * up)


@pytest.mark.parametrize(("on_pixels", "ratio"), [(True, 3.0), (False, 1.0)])
def test_lambda_lower_weights_pixels_as_eq_3_says_or_not_as_released(on_pixels, ratio):
    settings = Loss(pixel_l2=1.0, pixel_l1=0.5, pixel_lpips=0.0, lower_on_pixels=on_pixels)
    pixels = torch.zeros(1, 1, 3, 8, 8)
    upper, lower = pixels.clone(), pixels.clone()
    upper[..., :4, :] = 1
    lower[..., 4:, :] = 1
    sigma = torch.tensor([1.0])
    up, low = (pixel_losses(x, pixels, sigma, settings) for x in (upper, lower))
    assert up.keys() == {"pixel_l2", "pixel_l1"}
    assert up["pixel_l1"] == pytest.approx(0.5 * up["pixel_l2"])
    assert low["pixel_l2"] == pytest.approx(ratio * up["pixel_l2"])


def test_pixel_losses_decode_the_chosen_frame_of_every_sequence():
    latents = torch.arange(2 * 14.0).view(2, 14, 1, 1, 1).expand(2, 14, 4, 8, 8) / 100
    decoded = decoded_slots(lambda z: z[:, :3] * 0.18215, latents, torch.tensor([[3], [12]]))
    assert decoded.shape == (2, 1, 3, 8, 8)
    assert decoded[:, 0, 0, 0, 0].tolist() == pytest.approx([0.03, 0.26])


def test_gradients_of_the_pixel_losses_reach_the_network_through_the_decoder():
    from golden_cases.vae import recorded_vae

    settings = replace(LATENT_ONLY, pixel_l2=1.0)
    step = NetworkStep(network("keyframe"), settings, recorded_vae(GOLDEN))
    weight = network("keyframe").unet.conv_out.weight.requires_grad_(True)
    given = batch("keyframe", sequences=1) | {"pixel_slots": torch.tensor([[5]])}
    losses = step(given)
    assert losses["pixel_l2"] > 0
    gradient = torch.autograd.grad(losses["pixel_l2"], weight)[0]
    assert gradient.norm() > 0
    assert torch.equal(losses["loss"], losses["latent"] + losses["pixel_l2"])
    same_pixels = step(given | {"pixels": torch.zeros(1, 1, 3, 16, 16)})
    assert same_pixels["pixel_l2"] != losses["pixel_l2"]  # frames, where there are any, are the target
    weight.requires_grad_(False)


@pytest.mark.parametrize("role", ["keyframe", "interpolation"])
def test_dropped_conditions_are_zero_and_the_emotion_stays(role):
    full = batch_conditioning(network(role), batch(role))
    none = batch_conditioning(network(role), batch(role, keep_identity=0.0, keep_audio=0.0))
    tokens = full.context.shape[-1]
    assert none.context.abs().max() == 0
    assert none.vector[..., -tokens:].abs().max() == 0
    assert torch.equal(none.vector[..., :-tokens], full.vector[..., :-tokens])
    if role == "keyframe":
        assert none.concat.abs().max() == 0
    else:
        assert none.concat[:, [0, -1], :4].abs().max() == 0
        assert torch.equal(none.concat[:, 1:-1], full.concat[:, 1:-1])  # the learned mask
        assert torch.equal(none.concat[:, :, 4], full.concat[:, :, 4])  # and where it is known


def test_a_sequence_is_denoised_the_same_alone_and_in_a_batch():
    given = batch("keyframe", sequences=3)
    given["keep_audio"] = torch.tensor([1.0, 0.0, 1.0])
    given["sigma"] = torch.tensor([0.5, 3.0, 20.0])
    together = denoise_batch(network("keyframe"), given)
    alone = denoise_batch(network("keyframe"), {name: tensor[1:2] for name, tensor in given.items()})
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def test_the_released_recipe_freezes_what_mixes_frames_and_no_more():
    names = set(network("keyframe").released_names().values())
    frozen = {name for name in names if is_temporal(name)}
    assert any(".time_stack." in name for name in frozen)
    assert any(name.endswith("time_mixer.mix_factor") for name in frozen)
    assert any(".time_pos_embed." in name for name in frozen)
    assert not any("time_embed" in name for name in frozen)
    spatial = ("attn1.to_q" in name and ".time_stack." not in name for name in names - frozen)
    assert any(spatial)


def test_training_starts_from_other_weights_except_for_the_layers_that_differ():
    from keyface_lib.networks.network import Network

    source = network("keyframe")
    sizes = network("interpolation").sizes
    target = Network("interpolation", sizes, audio_features=48, mask_size=(8, 8))
    kept = start_from(target, source.released_state(), "keyframe.safetensors")
    assert {name.split(".")[2] for name in kept if name.startswith("model.diffusion_model")} == {
        "input_blocks",
        "label_emb",
    }
    assert torch.equal(target.unet.conv_out.weight, source.unet.conv_out.weight)
    assert target.unet.conv_in.weight.shape[1] == 9
    narrow = {name: t for name, t in source.released_state().items() if "middle_block" not in name}
    with pytest.raises(KeyFaceError, match=r"does not fit the network: .*middle_block.* is missing"):
        start_from(target, narrow, "narrow.safetensors")


def test_the_learning_rate_warms_up_stays_and_may_fall_at_the_end():
    rates = [learning_rate_factor(step, 10, steps=100, decay_last=20) for step in range(101)]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[5] == pytest.approx(0.5, rel=1e-5)
    assert rates[10:81] == [1.0] * 71
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0
    assert learning_rate_factor(50_000, 10) == 1


def trained_layer():
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(normal(2, 3))
        layer.bias.zero_()
    return dict(layer.named_parameters())


def update(optimizer, parameters, seed):
    for number, parameter in enumerate(parameters.values()):
        parameter.grad = normal(*parameter.shape, seed=seed + number)
    optimizer.step()


def test_an_optimizer_goes_on_from_its_moments_as_if_never_stopped():
    settings = Optimizer(learning_rate=0.1)
    ours, theirs = trained_layer(), trained_layer()
    running = adamw(ours, settings)
    for step in range(3):
        update(running, ours, seed=10 * step)
    with torch.no_grad():
        for name, parameter in theirs.items():
            parameter.copy_(ours[name])
    resumed = adamw(theirs, settings)
    restore_moments(resumed, theirs, {n: t.clone() for n, t in moments(running, ours).items()}, step=3)
    for optimizer, parameters in ((running, ours), (resumed, theirs)):
        update(optimizer, parameters, seed=77)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_average_follows_the_weights_and_changes_places_with_them():
    parameters = {"weight": nn.Parameter(torch.zeros(1))}
    average = Average(parameters, decay=0.9)
    with torch.no_grad():
        parameters["weight"].fill_(1.0)
    for step in range(1, 101):
        average.update(step)
    assert average.tensors["weight"].item() == pytest.approx(1.0, abs=1e-3)
    with torch.no_grad():
        parameters["weight"].fill_(2.0)
    average.update(1000)
    followed = average.tensors["weight"].item()
    assert followed == pytest.approx(1.1, abs=1e-3)
    with average.in_place():
        assert parameters["weight"].item() == followed
    assert parameters["weight"].item() == 2.0
    assert average.tensors["weight"].item() == followed


def vgg_files(folder):
    """Random VGG16 and linear layers as torchvision and lpips name them, and the VGG as a module."""
    layers, channels = [], 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    vgg = nn.Sequential(*layers)
    linear = {
        f"lin{n}.model.1.weight": torch.rand(1, w, 1, 1) for n, w in enumerate((64, 128, 256, 512, 512))
    }
    save_file({f"features.{n}": t for n, t in vgg.state_dict().items()}, folder / "vgg.safetensors")
    save_file(linear, folder / "lin.safetensors")
    return vgg, linear


def test_lpips_is_the_weighted_distance_of_unit_features_after_five_stages(tmp_path):
    vgg, linear = vgg_files(tmp_path)
    distance = load_perceptual([tmp_path / "vgg.safetensors", tmp_path / "lin.safetensors"])
    pictures = [normal(2, 3, 32, 32, seed=seed).clamp(-1, 1) for seed in (0, 1)]
    shift, scale = torch.tensor([-0.03, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.45])
    features = []
    with torch.inference_mode():
        for picture in pictures:
            x, kept = (picture - shift.view(3, 1, 1)) / scale.view(3, 1, 1), []
            for index, layer in enumerate(vgg):
                x = layer(x)
                if index in (3, 8, 15, 22, 29):
                    kept.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
            features.append(kept)
        expected = sum(
            F.conv2d((a - b) ** 2, w).mean(dim=(1, 2, 3))
            for a, b, w in zip(*features, linear.values(), strict=True)
        )
        torch.testing.assert_close(distance(*pictures), expected)
        assert distance(pictures[0], pictures[0]).abs().max() < 1e-6
        rows = torch.ones(32, 1)
        rows[16:] = 3
        assert (distance(*pictures, rows) > distance(*pictures) * 1.5).all()
        torch.testing.assert_close(distance(*pictures, torch.full((32, 1), 2.0)), 2 * expected)


def test_lpips_weights_that_are_not_all_there_are_named(tmp_path):
    vgg_files(tmp_path)
    with pytest.raises(KeyFaceError, match=r"lacks 5 tensors of LPIPS-VGG, first lin0\.weight"):
        load_perceptual([tmp_path / "vgg.safetensors"])
