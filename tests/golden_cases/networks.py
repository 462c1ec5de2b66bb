"""Conditioning, single forwards and complete samplings of both networks."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file

from keyface_lib.clip.interpolation import InterpolationSettings, sample_segments
from keyface_lib.clip.keyframes import KeyframeSettings, sample_windows
from keyface_lib.method import denoiser, guidance
from keyface_lib.method.conditioning import interpolation_conditioning, keyframe_conditioning
from keyface_lib.method.denoiser import LATENT_SCALE
from keyface_lib.method.merging import merge_segments
from keyface_lib.method.timeline import SLOTS, segment_ends
from keyface_lib.networks.network import Network, load_network
from keyface_lib.weights.architecture import unet_sizes
from keyface_lib.weights.checkpoint import Checkpoint
from keyface_lib.weights.metadata import Metadata

from .case import Case, relative_error
from .vae import recorded_vae

FORWARD, SAMPLING = 1e-5, 1e-4


def recorded_network(folder: Path, role: str) -> Network:
    """One of the folder's tiny networks."""
    name = "tiny_interpolation_reduced" if role == "reduced" else f"tiny_{role}"
    path = folder / f"{name}.safetensors"
    state = {key: tensor.float() for key, tensor in load_file(path).items()}
    heads = json.loads((folder / "config.json").read_text())["unet"]["num_head_channels"]
    metadata = Metadata(role=role, unet=unet_sizes(state, num_head_channels=heads))
    return load_network(Checkpoint(state, metadata), str(path))


def cases(folder: Path) -> Iterator[Case]:
    """Every recorded case of the two networks in `folder`."""
    yield from _keyframe_cases(folder)
    yield from _interpolation_cases(folder)


def _keyframe_cases(folder: Path) -> Iterator[Case]:
    golden = load_file(folder / "keyframe_golden.safetensors")
    network = recorded_network(folder, "keyframe")

    def conditions(prefix: str, identity: float = 1.0, audio: float = 1.0):
        tokens = network.tokens(golden[f"{prefix}.audio_emb"])
        return keyframe_conditioning(
            golden[f"{prefix}.cond_frames"] / LATENT_SCALE * identity,
            tokens * audio,
            golden[f"{prefix}.valence"],
            golden[f"{prefix}.arousal"],
        )

    for b in (1, 2):
        for branch, scale in (("c", 1.0), ("uc", 0.0)):
            ours = conditions(f"a.b{b}.in", identity=scale, audio=scale)
            emotion = ours.vector[..., : -ours.context.shape[-1]].flatten(0, 1)
            recorded = f"a.b{b}.{branch}"
            for part, tensor in (
                ("concat", ours.concat[:, 0]),
                ("crossattn", ours.context),
                ("vector", emotion),
            ):
                error = relative_error(tensor, golden[f"{recorded}.{part}"])
                yield Case(f"keyframe {recorded}.{part}", error, FORWARD)
        yield _forward(golden, f"b.b{b}", network, conditions(f"a.b{b}.in"), "keyframe")

    # c: one guided denoiser call on two sequences, branches stacked [none, identity, identity and audio].
    conditioned, unconditioned = (_recorded_conditions(golden, f"c.{branch}") for branch in ("c", "uc"))
    sequences = len(conditioned["concat"])
    emotion = conditioned["vector"].unflatten(0, (sequences, SLOTS))
    branches = []
    for concat, tokens in (
        (unconditioned["concat"], unconditioned["crossattn"]),
        (conditioned["concat"], unconditioned["crossattn"]),
        (conditioned["concat"], conditioned["crossattn"]),
    ):
        spread = concat[:, None].expand(-1, SLOTS, -1, -1, -1)
        branches.append(denoiser.Conditioning(spread, tokens, torch.cat([emotion, tokens], dim=-1)))
    x = golden["c.x"].unflatten(0, (sequences, SLOTS))
    sigma = golden["c.sigma"][0].expand(sequences)
    stack = torch.cat([denoiser.denoise(network.unet, x, sigma, branch) for branch in branches])
    yield Case(
        "keyframe c.denoised_stack", relative_error(stack.flatten(0, 1), golden["c.denoised_stack"]), FORWARD
    )
    settings = KeyframeSettings()
    guided = guidance.guided_denoiser([(network.unet, b) for b in branches], settings.weights)
    error = relative_error(guided(x, float(sigma[0])).flatten(0, 1), golden["c.guided"])
    yield Case("keyframe c.guided", error, FORWARD)
    yield _scaling(golden, "keyframe")

    z = sample_windows(
        network,
        golden["d.in.cond_frames"] / LATENT_SCALE,
        golden["d.in.audio_emb"],
        golden["d.in.valence"],
        golden["d.in.arousal"],
        golden["d.noise"][None],
        settings,
    )
    yield Case("keyframe d.z (11 steps)", relative_error(z[0] * LATENT_SCALE, golden["d.z"]), SAMPLING)
    decoded = recorded_vae(folder).decode_frames(z[0])
    yield Case("keyframe d.decoded", relative_error(decoded, golden["d.decoded"]), SAMPLING)


def _interpolation_cases(folder: Path) -> Iterator[Case]:
    golden = load_file(folder / "interpolation_golden.safetensors")
    network, reduced = (recorded_network(folder, role) for role in ("interpolation", "reduced"))

    def conditions(concat: torch.Tensor, tokens: torch.Tensor, of: Network = network):
        ends = concat.unflatten(1, (2, 4))
        return interpolation_conditioning(ends, of.mask_for(*ends.shape[-2:]), tokens)

    for b in (1, 2):
        frames = golden[f"a.b{b}.in.cond_frames"].transpose(1, 2)  # recorded (B, 4, 2, h, w)
        concat = (frames / LATENT_SCALE).flatten(1, 2)
        tokens = network.tokens(golden[f"a.b{b}.in.audio_emb"])
        for branch, scale in (("c", 1.0), ("uc", 0.0)):
            recorded = f"a.b{b}.{branch}"
            ours = conditions(concat * scale, tokens * scale)
            ends = ours.concat[:, [0, -1], :4].flatten(1, 2)
            yield Case(
                f"interpolation {recorded}.concat",
                relative_error(ends, golden[f"{recorded}.concat"]),
                FORWARD,
            )
            error = relative_error(ours.context, golden[f"{recorded}.crossattn"])
            yield Case(f"interpolation {recorded}.crossattn", error, FORWARD)
        yield _forward(golden, f"b.b{b}", network, conditions(concat, tokens), "interpolation")
        if f"b.b{b}.out_reduced" in golden:
            seen = conditions(concat, tokens, reduced)
            yield _forward(golden, f"b.b{b}", reduced, seen, "interpolation", "out_reduced")

    # c: autoguidance; both halves of the stack [reduced, full] see the positive condition.
    seen = _recorded_conditions(golden, "c.c")
    sequences = len(seen["concat"])
    x = golden["c.x"].unflatten(0, (sequences, SLOTS))
    sigma = golden["c.sigma"][0].expand(sequences)
    branches = [(n.unet, conditions(seen["concat"], seen["crossattn"], n)) for n in (reduced, network)]
    stack = torch.cat([denoiser.denoise(unet, x, sigma, branch) for unet, branch in branches])
    error = relative_error(stack.flatten(0, 1), golden["c.denoised_stack"])
    yield Case("interpolation c.denoised_stack", error, FORWARD)
    settings = InterpolationSettings()
    guided = guidance.guided_denoiser(branches, settings.weights)(x, float(sigma[0]))
    yield Case("interpolation c.guided", relative_error(guided.flatten(0, 1), golden["c.guided"]), FORWARD)
    yield _scaling(golden, "interpolation")

    keyframes = golden["e.keyframes_z"] / LATENT_SCALE
    noise = golden["e.noise"].unflatten(0, (-1, SLOTS))
    z = sample_segments(network, reduced, segment_ends(keyframes), golden["e.audio"], noise, settings)
    recorded = golden["e.chunk28.latents"][-1]
    yield Case(
        "interpolation e.latents (11 steps)",
        relative_error(z.flatten(0, 1) * LATENT_SCALE, recorded),
        SAMPLING,
    )
    decoded = recorded_vae(folder).decode_frames(z.flatten(0, 1))
    yield Case("interpolation e.decoded", relative_error(decoded, golden["e.chunk28.decoded"]), SAMPLING)
    merged = torch.cat(list(merge_segments(decoded.unflatten(0, (-1, SLOTS)).split(1))))
    recorded = golden["e.chunk28.video_uint8"].float()
    # The released code truncates to bytes where we round: half a level on average, one at most.
    levels = ((merged.clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8).float()
    yield Case("interpolation e.video (levels of 255)", float((levels - recorded).abs().max()), 1.0)


def _recorded_conditions(golden: dict, prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(f"{prefix}."): t for key, t in golden.items() if key.startswith(f"{prefix}.")}


def _forward(golden, case, network, conditioning, stage, output="out") -> Case:
    """The raw network on an input that is already scaled by c_in."""
    sequences = len(conditioning.context)
    x = golden[f"{case}.x"].unflatten(0, (sequences, SLOTS))
    c_noise = golden[f"{case}.t"].unflatten(0, (sequences, SLOTS))[:, 0]
    sample = torch.cat([x, conditioning.concat], dim=2)
    out = network.unet(sample, c_noise, conditioning.context, conditioning.vector).flatten(0, 1)
    return Case(f"{stage} {case}.{output}", relative_error(out, golden[f"{case}.{output}"]), FORWARD)


def _scaling(golden, stage) -> Case:
    sigma = golden["c.sigma"][0]
    ours = torch.stack([f(sigma) for f in (denoiser.c_skip, denoiser.c_out, denoiser.c_in, denoiser.c_noise)])
    return Case(f"{stage} c.scaling", relative_error(ours, golden["c.scaling"]), FORWARD)
