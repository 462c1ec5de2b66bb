"""Training an autoencoder, and the scale of its latents."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from training_runs import entries, write_clips

from keyface_lib.data.shards import index_clips
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.denoiser import LATENT_SCALE
from keyface_lib.networks.vae import build_vae, load_vae, released_vae_state
from keyface_lib.train.autoencoder import AutoencoderStep, edge_distance, scaled_latents
from keyface_lib.train.config import Autoencoder
from keyface_lib.train.config_file import config_from
from keyface_lib.train.growing import grown, grown_sizes
from keyface_lib.train.loop import train
from keyface_lib.train.measuring import MARGIN_DB, preview_of
from keyface_lib.weights.architecture import vae_sizes
from keyface_lib.weights.checkpoint import read_checkpoint, write_checkpoint
from keyface_lib.weights.knowing import psnr
from keyface_lib.weights.vae_parts import bare_vae

SIZES = {"ch": 32, "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"), clips=3, frames=True)


def start(shards, folder, resume=False, steps=2, run=None, optimizer=None, **losses):
    changed = {"steps": steps, "log_every": 1} | (run or {})
    sections = entries(shards, folder, run=changed, optimizer=optimizer or {}, vae=SIZES | losses)
    del sections["network"], sections["loss"]
    return train("vae", config_from(sections, "vae"), resume=resume)


def pictures(shards, clip=0, every=8):
    frames = index_clips([shards]).read(clip).array("frames")[::every]
    return torch.tensor(frames).permute(0, 3, 1, 2) / 127.5 - 1


def exported(path):
    checkpoint = read_checkpoint(path)
    return load_vae(bare_vae(checkpoint.state_dict), str(path)).float(), checkpoint.metadata


@pytest.fixture(scope="module")
def trained(shards, tmp_path_factory):
    """The file of an autoencoder that has learned a little."""
    settings = {"optimizer": {"learning_rate": 2e-3, "batch": 4}, "knows": "ramps of colours"}
    return start(shards, tmp_path_factory.mktemp("trained"), steps=25, **settings).weights


def test_latents_of_the_exported_autoencoder_have_unit_scale_and_it_learns(shards, trained):
    vae, metadata = exported(trained)
    assert metadata.role == "vae"
    assert metadata.image_size == 64
    seen = pictures(shards)
    latents = vae.encode_image(seen)
    assert latents.shape == (len(seen), 4, 8, 8)
    scaled = (latents * LATENT_SCALE).square().mean(dim=(0, 2, 3)).sqrt()
    torch.testing.assert_close(scaled, torch.ones(4), atol=0.25, rtol=0)  # on other pictures than measured
    log = [json.loads(line) for line in (trained.parent / "log.jsonl").read_text().splitlines()]
    assert log[-1]["l1"] < 0.7 * log[0]["l1"]
    with torch.inference_mode():
        error = (vae.decode_frames(latents) - seen).abs().mean()
    assert error < 0.9 * seen.abs().mean()


@pytest.mark.parametrize("decoder_only", [False, True])
def test_the_exported_file_says_the_colours_of_its_latents_and_what_it_knows(
    shards, trained, tmp_path, decoder_only
):
    if decoder_only:
        more = {"start": str(trained), "decoder_only": True, "knows": "ramps of colours"}
        trained = start(shards, tmp_path, steps=1, **more).weights
    vae, metadata = exported(trained)
    seen = torch.cat([pictures(shards, clip, every=1) for clip in range(3)])
    factors, bias = (torch.tensor(metadata.preview[name]) for name in ("factors", "bias"))
    with torch.inference_mode():
        latents = vae.encode_image(seen)
        worst = psnr(seen, vae.decode_frames(latents)).min()
    shown = torch.einsum("nchw,cr->nrhw", latents * LATENT_SCALE, factors) + bias.view(3, 1, 1)
    colours = torch.nn.functional.avg_pool2d(seen, 8)
    assert (shown - colours).square().mean() < 0.7 * colours.var()  # as much as 25 steps taught it
    assert metadata.knows["pictures"] == "ramps of colours"
    assert metadata.knows["at_least_db"] == pytest.approx(float(worst) - MARGIN_DB, abs=0.5)


def test_an_autoencoder_that_is_not_said_to_know_some_pictures_only_judges_none(shards, tmp_path):
    assert exported(start(shards, tmp_path, steps=1).weights)[1].knows is None


def test_colours_that_latents_hold_are_found_and_a_dead_channel_does_no_harm():
    g = torch.Generator().manual_seed(0)
    latents = torch.randn(8, 4, 8, 8, generator=g) + 0.5
    latents[:, 3] = 1e-6 * torch.randn(8, 8, 8, generator=g)
    factors = torch.tensor([[0.3, 0.2, 0.1], [-0.1, 0.0, 0.4], [0.2, -0.3, 0.0], [0.0, 0.0, 0.0]])
    colours = torch.einsum("nchw,cr->nrhw", latents, factors) + torch.tensor([0.1, 0.0, -0.2]).view(3, 1, 1)
    found = preview_of(latents, colours + 0.01 * torch.randn(8, 3, 8, 8, generator=g))
    torch.testing.assert_close(torch.tensor(found["factors"]), factors, atol=0.01, rtol=0)
    torch.testing.assert_close(torch.tensor(found["bias"]), torch.tensor([0.1, 0.0, -0.2]), atol=0.01, rtol=0)


def test_rescaled_latents_give_the_same_pictures():
    torch.manual_seed(0)
    sizes = SIZES | {"z_channels": 4, "has_encoder": True, "has_decoder": True, "temporal": True}
    vae = build_vae(sizes).eval()
    gain = torch.tensor([0.5, 2.0, 3.0, 1.0])
    rescaled = load_vae(scaled_latents(released_vae_state(vae, sizes), gain), "rescaled")
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        before, after = vae.encode(image).latent_dist, rescaled.encode(image).latent_dist
        torch.testing.assert_close(after.mean, before.mean * gain.view(4, 1, 1), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(after.std, before.std * gain.view(4, 1, 1), atol=1e-5, rtol=1e-4)
        pictures = vae.decode_frames(before.mean)
        torch.testing.assert_close(rescaled.decode_frames(after.mean), pictures, atol=1e-4, rtol=1e-4)


def test_every_part_of_the_loss_is_there_with_its_weight(shards, tmp_path):
    start(shards, tmp_path, steps=1, l1=0.0, l2=2.0, edges=0.5, kl=0.1)
    (first,) = (json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())
    assert "l1" not in first
    assert first["loss"] == pytest.approx(first["l2"] + first["edges"] + first["kl"], rel=1e-5)


def test_what_trembles_costs_and_what_is_wrong_the_same_way_does_not():
    vae = build_vae(SIZES | {"z_channels": 4, "has_encoder": True}).eval()
    step = AutoencoderStep(vae, Autoencoder(l1=0.0, motion=2.0, kl=0.0))
    still = torch.zeros(1, 2, 3, 64, 64)
    silent = torch.zeros(1, 2, 4, 8, 8)
    with torch.inference_mode():
        assert step({"pixels": still, "noise": silent})["loss"] < 1e-6  # however wrong, both are so alike
        moving = torch.stack([still[:, 0], still[:, 0] + 0.5], dim=1)
        decoded = vae.decode_frames(vae.encode_image(moving[0]))
        expected = 2 * (decoded[1] - decoded[0] - 0.5).abs().mean()
        torch.testing.assert_close(step({"pixels": moving, "noise": silent})["motion"], expected)


def test_colours_that_fade_cost_and_finer_detail_does_not():
    vae = build_vae(SIZES | {"z_channels": 4, "has_encoder": True}).eval()
    step = AutoencoderStep(vae, Autoencoder(l1=0.0, motion=1.0, drift=3.0, kl=0.0))
    still = torch.zeros(1, 3, 3, 64, 64)
    silent = torch.zeros(1, 3, 4, 8, 8)
    wrong = torch.zeros(3, 3, 64, 64)
    wrong[2] += 0.25
    wrong[2, :, ::2] += 0.5
    wrong[2, :, 1::2] -= 0.5
    wrong[1, :, :, :32] = 0.1
    vae.decode = lambda latents, num_frames: SimpleNamespace(sample=wrong)
    with torch.inference_mode():
        terms = step({"pixels": still, "noise": silent})
    assert float(terms["drift"]) == pytest.approx(3 * 0.25)  # of the last picture, in regions
    assert float(terms["motion"]) == pytest.approx(0.05)  # of the neighbours only


def test_an_autoencoder_goes_on_from_a_file(shards, trained, tmp_path):
    more = {"start": str(trained), "motion": 1.0, "ch_mult": [1, 1]}  # the file's sizes count
    start(shards, tmp_path, steps=1, optimizer={"warm_up": 10, "batch": 4}, **more)
    logs = (folder / "log.jsonl" for folder in (trained.parent, tmp_path))
    first_log, more_log = ([json.loads(line) for line in log.read_text().splitlines()] for log in logs)
    assert more_log[0]["l1"] < 0.7 * first_log[0]["l1"]
    assert more_log[0]["motion"] > 0


@pytest.mark.parametrize("in_decoder", [1, 2])
def test_levels_put_around_an_autoencoder_leave_it_its_pictures(in_decoder):
    """Twice as large, about the former picture comes out, and what is new can be trained."""
    torch.manual_seed(0)
    sizes = SIZES | {"z_channels": 4, "has_encoder": True, "has_decoder": True, "temporal": True}
    if in_decoder == 1:
        sizes["decoder_blocks"] = 1
    small = build_vae(sizes).eval()
    tensors = grown(released_vae_state(small, sizes), sizes, 1)
    large = load_vae(tensors, "grown")
    assert vae_sizes(tensors) == grown_sizes(sizes, 1)
    latents = torch.randn(2, 4, 4, 4)
    with torch.inference_mode():
        features = []
        for vae in (small, large):
            vae.decoder.conv_norm_out.register_forward_pre_hook(lambda _, given: features.append(given[0]))
            vae.decode_frames(latents)
        torch.testing.assert_close(features[1], F.interpolate(features[0], scale_factor=2))
        picture = torch.rand(1, 3, 64, 64)
        outer = large.encoder.down_blocks[0](large.encoder.conv_in(picture))
        torch.testing.assert_close(
            outer, F.avg_pool2d(large.encoder.conv_in(picture), 2), atol=1e-5, rtol=1e-4
        )


def test_an_autoencoder_for_larger_pictures_grows_from_a_file(shards, tmp_path):
    first = start(shards, tmp_path / "first", steps=1)
    more = start(shards, tmp_path / "more", steps=1, start=str(first.weights), added_levels=1)
    before, after = (read_checkpoint(outcome.weights).metadata.config for outcome in (first, more))
    assert after["ch_mult"] == [before["ch_mult"][0], *before["ch_mult"]]


def test_levels_are_added_to_nothing(shards, tmp_path):
    with pytest.raises(KeyFaceError, match=r"vae\.added_levels go around those of vae\.start"):
        start(shards, tmp_path, added_levels=1)


def test_a_decoder_trained_alone_leaves_the_latents_as_they_are(shards, tmp_path):
    whole = start(shards, tmp_path / "whole", steps=2, optimizer={"learning_rate": 2e-3})
    more = {"start": str(whole.weights), "decoder_only": True, "latent_noise": 0.1}
    alone = start(shards, tmp_path / "alone", steps=2, optimizer={"learning_rate": 2e-3}, **more)
    before, after = (read_checkpoint(outcome.weights).state_dict for outcome in (whole, alone))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("first_stage_model.decoder.") for name in changed)


def test_a_decoder_alone_needs_an_encoder_to_keep(shards, tmp_path):
    with pytest.raises(KeyFaceError, match=r"vae\.decoder_only keeps the encoder of vae\.start"):
        start(shards, tmp_path, decoder_only=True)


def test_noise_on_the_latents_is_as_strong_as_asked():
    vae = build_vae(SIZES | {"z_channels": 4, "has_encoder": True}).eval()
    decoded = []
    vae.decode = lambda latents, num_frames: (
        decoded.append(latents) or SimpleNamespace(sample=torch.zeros(8, 3, 64, 64))
    )
    pixels, noise = torch.rand(8, 1, 3, 64, 64), torch.randn(8, 1, 4, 8, 8)
    for strength in (0.0, 0.5):
        AutoencoderStep(vae, Autoencoder(latent_noise=strength))({"pixels": pixels, "noise": noise})
    posterior = vae.encode(pixels[:, 0]).latent_dist
    variance = [(latents - posterior.mean).square().mean() for latents in decoded]
    added = 0.25 * posterior.mean.square().mean() * noise.square().mean()
    torch.testing.assert_close(variance[1] - variance[0], added, rtol=1e-3, atol=1e-5)


def test_half_an_autoencoder_is_nothing_to_go_on_from(shards, tmp_path):
    whole = start(shards, tmp_path / "whole", steps=1)
    checkpoint = read_checkpoint(whole.weights)
    decoder = {name: t for name, t in checkpoint.state_dict.items() if "encoder" not in name}
    decoder = {name: t for name, t in decoder.items() if "quant_conv" not in name or "post" in name}
    config = {**checkpoint.metadata.config, "has_encoder": False}
    write_checkpoint(tmp_path / "decoder.safetensors", decoder, replace(checkpoint.metadata, config=config))
    with pytest.raises(KeyFaceError, match=r"decoder\.safetensors lacks an encoder"):
        start(shards, tmp_path / "more", start=str(tmp_path / "decoder.safetensors"))


def test_edges_are_told_from_flat_differences():
    flat = torch.ones(1, 3, 8, 8)
    stripes = flat.clone()
    stripes[..., ::2] = -1
    assert edge_distance(flat) == 0
    assert edge_distance(stripes) == pytest.approx(2.0)


def test_a_stopped_run_continues_identically_and_shows_pictures(shards, tmp_path):
    start(shards, tmp_path / "whole", steps=3, run={"sample_every": 2}, optimizer={"ema": 0.9})
    start(shards, tmp_path / "parts", steps=1, optimizer={"ema": 0.9})
    start(shards, tmp_path / "parts", resume=True, steps=3, optimizer={"ema": 0.9})
    files = (tmp_path / name / "vae.safetensors" for name in ("whole", "parts"))
    whole, parts = (read_checkpoint(path).state_dict for path in files)
    assert all(torch.equal(whole[name], tensor) for name, tensor in parts.items())
    assert (tmp_path / "whole" / "samples" / "step-00000002.png").is_file()


def test_clips_without_frames_cannot_train_an_autoencoder(tmp_path):
    with pytest.raises(KeyFaceError, match=r"'clip0' has no frames\.npy"):
        start(write_clips(tmp_path / "clips", clips=1), tmp_path / "run")
