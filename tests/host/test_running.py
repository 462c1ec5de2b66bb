"""How runs behave on the real server: progress, previews, cancelling, caching, queueing, LoRA, fp8."""

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from host.prompts import node_of, only, read_workflow, saved_latent

LORA = "model.safetensors"
SEGMENTS = 13


def with_saved_frames(**values) -> tuple[dict, str]:
    """The long-audio workflow up to its frames, which are saved by the returned node."""
    prompt = read_workflow("long_audio", **values)
    saved = saved_latent(prompt, node_of(prompt, "KeyFaceInterpolationSampler"))
    return only(prompt, saved), saved


def latent_of(host, result, node: str) -> torch.Tensor:
    assert result.error is None, result.error
    return load_file(host.output(result.outputs[node]["latents"][0]))["latent_tensor"]


def names(prompt: dict, nodes) -> set[str]:
    return {prompt[node]["class_type"] for node in nodes}


def test_one_progress_bar_and_live_previews_over_the_whole_node(host):
    prompt = read_workflow("simple", steps=2, seed=50)
    result = host.run(prompt)
    ticks = result.progress(node_of(prompt, "KeyFaceAnimate"))
    assert {total for _, total in ticks} == {1000}
    values = [value for value, _ in ticks]
    ends = [index for index, value in enumerate(values) if value == 1000]
    assert len(ends) == 2  # hearing, then both stages of sampling
    sampling = values[ends[0] + 1 :]
    assert sampling == sorted(sampling)
    assert len(set(sampling)) >= 4
    assert any(kind == "preview" for kind, _ in result.messages)


def test_cancelling_ends_a_run_and_the_next_one_works(host):
    prompt, saved = with_saved_frames(steps=50, seed=60)
    sampler = node_of(prompt, "KeyFaceInterpolationSampler")
    with host.listen() as listener:
        queued = listener.queue(prompt)
        listener.until(lambda kind, data: kind == "progress" and data["node"] == sampler)
        host.post("/interrupt", {})
        result = listener.result(queued)
    assert result.interrupted
    ticks = result.progress(sampler)
    steps_after = ticks[-1][0] - ticks[0][0]
    assert steps_after <= 1000 * 2 * 12 / (SEGMENTS * 50) + 1  # two steps of a group of 12 segments
    prompt, saved = with_saved_frames(steps=1, seed=60)
    assert len(latent_of(host, host.run(prompt), saved)) == 14 * SEGMENTS


def test_unchanged_inputs_are_not_computed_again(host):
    prompt = read_workflow("emotion_change", steps=1, seed=70, threshold=0.31)
    first = host.run(prompt)
    assert {"KeyFaceEncodeAudio", "KeyFaceKeyframeSampler"} <= names(prompt, first.executed)
    assert not host.run(prompt).executed

    prompt[node_of(prompt, "KeyFaceEmotionCurve")]["inputs"]["curve"] = "0:bored"
    changed = names(prompt, host.run(prompt).executed)
    assert {"KeyFaceKeyframeSampler", "KeyFaceInterpolationSampler"} <= changed
    assert not {"KeyFaceEncodeAudio", "KeyFaceLoadModels", "KeyFaceLoadAudioEncoders"} & changed

    prompt[node_of(prompt, "KeyFaceInterpolationSampler")]["inputs"]["seed"] = 71
    changed = names(prompt, host.run(prompt).executed)
    assert "KeyFaceInterpolationSampler" in changed
    assert not {"KeyFaceKeyframeSampler", "KeyFaceEncodeAudio"} & changed


def test_two_prompts_in_the_queue_do_not_disturb_each_other(host):
    prompts = [with_saved_frames(steps=1, seed=seed) for seed in (80, 81)]
    with host.listen() as listener:
        queued = [listener.queue(prompt) for prompt, _ in prompts]
        results = [listener.result(prompt_id) for prompt_id in queued]
    together = [latent_of(host, result, saved) for result, (_, saved) in zip(results, prompts, strict=True)]
    assert not torch.allclose(*together)
    host.post("/free", {"unload_models": True, "free_memory": True})
    prompt, saved = prompts[0]
    assert torch.equal(latent_of(host, host.run(prompt), saved), together[0])


@pytest.mark.parametrize("stage", ["keyframe", "interpolation"])
def test_a_lora_changes_the_result_of_its_network(host, stage):
    prompt, saved = with_saved_frames(steps=1, seed=90)
    plain = latent_of(host, host.run(prompt), saved)
    generator = torch.Generator().manual_seed(0)
    layer = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_v"
    folder = host.folder / "models" / "loras"
    folder.mkdir(exist_ok=True)
    weights = {
        f"{layer}.lora_up.weight": torch.randn(32, 4, generator=generator),
        f"{layer}.lora_down.weight": torch.randn(4, 32, generator=generator),
    }
    save_file(weights, folder / LORA)
    sampler = node_of(prompt, f"KeyFace{stage.title()}Sampler")
    lora = str(max(map(int, prompt)) + 1)
    prompt[lora] = {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {
            "model": prompt[sampler]["inputs"]["model"],
            "lora_name": LORA,
            "strength_model": 1.0,
        },
    }
    prompt[sampler]["inputs"]["model"] = [lora, 0]
    patched = latent_of(host, host.run(prompt), saved)
    assert float((patched - plain).abs().max() / plain.abs().max()) > 0.01
    assert f"lora key not loaded: {layer}" not in host.log.read_text()


def test_fp8_weights_stay_close_to_full_ones(host):
    latents = []
    for weights in ("default", "fp8_e4m3fn"):
        prompt, saved = with_saved_frames(steps=2, seed=95, weight_dtype=weights)
        latents.append(latent_of(host, host.run(prompt), saved))
    difference = float((latents[1] - latents[0]).norm() / latents[0].norm())
    assert 0 < difference < 0.25


def test_any_stock_sampler_and_scheduler(host):
    prompt, saved = with_saved_frames(steps=3, seed=97, sampler="dpmpp_2m", scheduler="karras")
    latent = latent_of(host, host.run(prompt), saved)
    assert latent.shape == (14 * SEGMENTS, 4, 8, 8)
    assert latent.isfinite().all()


def test_stock_vae_decode_keeps_keyframes_apart(host):
    """Decoding some of the keyframes gives the very pictures that decoding all of them gives."""
    prompt = read_workflow("two_stage", steps=1, seed=98)
    decode = node_of(prompt, "VAEDecode")
    few = str(max(map(int, prompt)) + 1)
    prompt[few] = {
        "class_type": "LatentFromBatch",
        "inputs": {"samples": prompt[decode]["inputs"]["samples"], "batch_index": 3, "length": 2},
    }
    shown = {}
    for name, latent in (("all", prompt[decode]["inputs"]["samples"]), ("few", [few, 0])):
        prompt[decode]["inputs"]["samples"] = latent
        look = node_of(prompt, "PreviewImage")
        prompt[look]["inputs"]["images"] = [decode, 0]
        result = host.run(only(prompt, look))
        shown[name] = [Image.open(host.output(entry)).tobytes() for entry in result.outputs[look]["images"]]
    assert shown["few"] == shown["all"][3:5]
