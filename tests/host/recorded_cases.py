"""Recorded cases of the authors' code through what the nodes call. Run by the host's own Python.

python recorded_cases.py COMFYUI GOLDEN   prints one JSON object a case: name, error, bound
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from in_host import called, prepare

COMFYUI, GOLDEN = sys.argv[1], Path(sys.argv[2])
prepare(COMFYUI)

import torch  # noqa: E402
from comfy_extras.nodes_custom_sampler import KSamplerSelect, SamplerCustomAdvanced  # noqa: E402
from keyface_pack.keyface_lib.method.conditioning import (  # noqa: E402
    Conditioning,
    interpolation_conditioning,
    keyframe_branches,
    keyframe_conditioning,
)
from keyface_pack.keyface_lib.method.denoiser import LATENT_SCALE  # noqa: E402
from keyface_pack.keyface_lib.method.guidance import auto_weights, split_weights  # noqa: E402
from keyface_pack.keyface_lib.method.schedule import align_your_steps  # noqa: E402
from keyface_pack.keyface_lib.method.timeline import SLOTS, segment_ends  # noqa: E402
from keyface_pack.keyface_lib.weights.architecture import unet_sizes  # noqa: E402
from keyface_pack.keyface_lib.weights.checkpoint import Checkpoint, Metadata  # noqa: E402
from keyface_pack.nodes.autoencoder import KeyFaceVAE  # noqa: E402
from keyface_pack.nodes.decode import decode  # noqa: E402
from keyface_pack.nodes.guiders import SequenceGuider  # noqa: E402
from keyface_pack.nodes.network import load_network  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

FORWARD, SAMPLING = 1e-5, 1e-4


def report(name: str, ours: torch.Tensor, recorded: torch.Tensor, bound: float) -> None:
    error = float((ours.float() - recorded.float()).abs().max() / recorded.float().abs().max())
    print(json.dumps({"name": name, "error": error, "bound": bound}), flush=True)


def network(role: str):
    name = "tiny_interpolation_reduced" if role == "reduced" else f"tiny_{role}"
    path = GOLDEN / f"{name}.safetensors"
    state = {key: tensor.float() for key, tensor in load_file(path).items()}
    heads = json.loads((GOLDEN / "config.json").read_text())["unet"]["num_head_channels"]
    metadata = Metadata(role=role, unet=unet_sizes(state, num_head_channels=heads), image_size=64)
    return load_network(Checkpoint(state, metadata), path.name)


def forward(model, case: dict, seen: Conditioning) -> torch.Tensor:
    """The raw network on an input that is already scaled by c_in."""
    return model.model.diffusion_model(
        torch.cat([case["x"], seen.concat.flatten(0, 1)], dim=1),
        case["t"],
        context=seen.context.repeat_interleave(SLOTS, dim=0),
        y=seen.vector.flatten(0, 1),
        num_video_frames=SLOTS,
    )


def below(golden: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): t for name, t in golden.items() if name.startswith(prefix)}


def denoise_once(guider: SequenceGuider, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """One call of the guider, by a sampler that does nothing else."""
    result = {}

    def once(model, _noise, _sigmas, extra_args=None, **_options):
        result["denoised"] = model(x, sigma, **extra_args)
        return result["denoised"]

    from comfy.samplers import KSAMPLER

    guider.sample(torch.zeros_like(x), torch.zeros_like(x), KSAMPLER(once), align_your_steps(10).float())
    return result["denoised"]


def sample(guider: SequenceGuider, noise: torch.Tensor) -> torch.Tensor:
    """ComfyUI's own nodes for custom sampling, the recorded noise in a NOISE: scaled latents."""
    recorded_noise = SimpleNamespace(seed=0, generate_noise=lambda _latent: noise)
    (euler,) = called(KSamplerSelect, sampler_name="euler")
    sigmas = align_your_steps(10).float()
    latent = {"samples": torch.zeros_like(noise)}
    out = called(
        SamplerCustomAdvanced,
        noise=recorded_noise,
        guider=guider,
        sampler=euler,
        sigmas=sigmas,
        latent_image=latent,
    )
    return out[0]["samples"] * LATENT_SCALE


@torch.inference_mode()
def keyframe_cases(vae: KeyFaceVAE) -> None:
    golden = load_file(GOLDEN / "keyframe_golden.safetensors")
    model = network("keyframe")
    trained = model.model.trained

    def inputs(prefix: str):
        tokens = torch.stack([trained.tokens(window) for window in golden[f"{prefix}.audio_emb"]])
        identity = golden[f"{prefix}.cond_frames"] / LATENT_SCALE
        return identity, tokens, golden[f"{prefix}.valence"], golden[f"{prefix}.arousal"]

    for b in (1, 2):
        case = below(golden, f"b.b{b}.")
        seen = keyframe_conditioning(*inputs(f"a.b{b}.in"))
        report(f"keyframe b.b{b}.out", forward(model, case, seen), case["out"], FORWARD)

    one, none = below(golden, "c.c."), below(golden, "c.uc.")
    emotion = one["vector"].unflatten(0, (len(one["concat"]), SLOTS))

    def recorded(sequence: int) -> list[Conditioning]:
        part = slice(sequence, sequence + 1)
        return [
            Conditioning(
                concat[part, None].expand(-1, SLOTS, -1, -1, -1),
                tokens[part],
                torch.cat([emotion[part], tokens[part]], dim=-1),
            )
            for concat, tokens in (
                (none["concat"], none["crossattn"]),
                (one["concat"], none["crossattn"]),
                (one["concat"], one["crossattn"]),
            )
        ]

    weights = split_weights(5.0, 2.0)
    guider = SequenceGuider([model] * 3, recorded, weights, len(emotion))
    guided = denoise_once(guider, golden["c.x"], golden["c.sigma"])
    report("keyframe c.guided", guided, golden["c.guided"], FORWARD)

    branches = keyframe_branches(*inputs("d.in"))
    guider = SequenceGuider([model] * 3, lambda _window: branches, weights, 1)
    z = sample(guider, golden["d.noise"])
    report("keyframe d.z (11 steps)", z, golden["d.z"], SAMPLING)
    decoded = vae.first_stage_model.decode(z / LATENT_SCALE)
    report("keyframe d.decoded", decoded, golden["d.decoded"], SAMPLING)
    pictures = vae.decode(z / LATENT_SCALE).movedim(-1, 1)
    report("stock VAE Decode", pictures, (golden["d.decoded"].clamp(-1, 1) + 1) / 2, SAMPLING)


@torch.inference_mode()
def interpolation_cases(vae: KeyFaceVAE) -> None:
    golden = load_file(GOLDEN / "interpolation_golden.safetensors")
    networks = {role: network(role) for role in ("reduced", "interpolation")}
    trained = {role: model.model.trained for role, model in networks.items()}
    pair = [networks["reduced"], networks["interpolation"]]

    def conditions(ends: torch.Tensor, tokens: torch.Tensor, role: str) -> Conditioning:
        return interpolation_conditioning(ends, trained[role].mask_for(*ends.shape[-2:]), tokens)

    def tokens_of(audio: torch.Tensor) -> torch.Tensor:
        return torch.stack([trained["interpolation"].tokens(segment) for segment in audio])

    for b in (1, 2):
        case = below(golden, f"b.b{b}.")
        ends = (golden[f"a.b{b}.in.cond_frames"] / LATENT_SCALE).transpose(1, 2)
        tokens = tokens_of(golden[f"a.b{b}.in.audio_emb"])
        for role, output in (("interpolation", "out"), ("reduced", "out_reduced")):
            if output in case:
                out = forward(networks[role], case, conditions(ends, tokens, role))
                report(f"interpolation b.b{b}.{output}", out, case[output], FORWARD)

    seen = below(golden, "c.c.")

    def recorded(segment: int) -> list[Conditioning]:
        part = slice(segment, segment + 1)
        ends = seen["concat"][part].unflatten(1, (2, 4))
        return [conditions(ends, seen["crossattn"][part], role) for role in networks]

    weights = auto_weights(2.0)
    guider = SequenceGuider(pair, recorded, weights, len(seen["concat"]))
    guided = denoise_once(guider, golden["c.x"], golden["c.sigma"])
    report("interpolation c.guided", guided, golden["c.guided"], FORWARD)

    ends = segment_ends(golden["e.keyframes_z"] / LATENT_SCALE)
    tokens = tokens_of(golden["e.audio"])

    def of_clip(segment: int) -> list[Conditioning]:
        part = slice(segment, segment + 1)
        return [conditions(ends[part], tokens[part], role) for role in networks]

    z = sample(SequenceGuider(pair, of_clip, weights, len(ends)), golden["e.noise"])
    report("interpolation e.latents (11 steps)", z, golden["e.chunk28.latents"][-1], SAMPLING)
    segments = (z / LATENT_SCALE).unflatten(0, (-1, SLOTS))
    video = golden["e.chunk28.video_uint8"].movedim(1, -1).float() / 255
    frames = torch.cat([*decode(vae, segments.split(1), len(video))])
    # The released code truncates to bytes where ours rounds: one level at most.
    levels = ((frames * 255).floor() - video * 255).abs().max()
    print(
        json.dumps({"name": "interpolation e.video (levels of 255)", "error": float(levels), "bound": 1.001})
    )


tensors = {name: tensor.float() for name, tensor in load_file(GOLDEN / "tiny_vae.safetensors").items()}
autoencoder = KeyFaceVAE(
    {name.removeprefix("first_stage_model."): t for name, t in tensors.items()}, "tiny_vae"
)
keyframe_cases(autoencoder)
interpolation_cases(autoencoder)
