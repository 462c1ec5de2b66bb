"""What a frame costs: time, network evaluations, TFLOP and memory of whole clips, tiny or released size."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib.audio.features import AudioFeatures
from keyface_lib.clip.animate import Animation
from keyface_lib.clip.cost import measure, peak_memory
from keyface_lib.clip.frames import decode_segments
from keyface_lib.clip.models import Models
from keyface_lib.clip.settings import Settings, settings_from
from keyface_lib.method.conditioning import interpolation_conditioning
from keyface_lib.method.denoiser import denoise
from keyface_lib.method.emotion import constant
from keyface_lib.method.timeline import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, SLOTS
from keyface_lib.networks.network import Network
from keyface_lib.networks.vae import build_vae
from keyface_lib.pipeline import Clip, KeyFace, best_device

FULL_UNET = {
    "model_channels": 320,
    "channel_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attention_resolutions": [4, 2, 1],
    "num_head_channels": 64,
    "context_dim": 1024,
}
FULL_VAE = {"ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "z_channels": 4, "has_encoder": True}
CHANNELS = {"keyframe": (8, 1536), "interpolation": (9, 1024), "reduced": (9, 1024)}


def full_models(device: torch.device) -> Models:
    """The released sizes with random weights in bfloat16, without audio encoders."""
    networks = {}
    for role, (in_channels, vector_dim) in CHANNELS.items():
        sizes = FULL_UNET | {"in_channels": in_channels, "vector_dim": vector_dim}
        with torch.device(device):
            networks[role] = Network(role, sizes, audio_features=1536, mask_size=(64, 64)).bfloat16()
    with torch.device(device):
        vae = build_vae(FULL_VAE).bfloat16()
    return Models(
        **{role: network.eval().requires_grad_(False) for role, network in networks.items()},
        vae=vae.eval().requires_grad_(False),
        encoders={},
        keyframe_encoders=("wavlm", "beats"),
        interpolation_encoders=("wav2vec2", "beats"),
        image_size=512,
        device=device,
    )


def full_clip(seconds: float, device: torch.device, steps: int) -> Clip:
    """A clip of random features and a random identity."""
    models = full_models(device)
    n = round(seconds * FPS)
    features = AudioFeatures(n, {name: torch.randn(n, 2, 768) for name in ("wavlm", "beats", "wav2vec2")})
    settings = settings_from(Settings(), steps=steps, batch=measure(models).batch)
    animation = Animation(models, torch.randn(4, 64, 64), features, constant(0.5, 0.2), settings)
    return Clip(animation, torch.zeros(n * SAMPLES_PER_FRAME))


def tiny_clip(seconds: float, device: torch.device, steps: int) -> Clip:
    """A clip of noise through the whole front door, from a sound file."""
    import av

    from keyface_lib.tiny import write_tiny_models

    with tempfile.TemporaryDirectory() as folder:
        write_tiny_models(Path(folder) / "models", seed=0)
        keyface = KeyFace.from_pretrained(Path(folder) / "models", device)
        sound = Path(folder) / "noise.wav"
        with av.open(str(sound), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
            for _ in range(round(seconds)):
                block = (torch.randn(1, SAMPLE_RATE) * 2000).to(torch.int16).numpy()
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate = SAMPLE_RATE
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        clip = keyface.animate(torch.zeros(3, 64, 64), sound, "0:happy 5:sad", steps=steps)
    return replace(clip, audio_path=None)


def run(size: str, seconds: float, device: torch.device, steps: int) -> dict:
    """Makes one clip in this process and says what it took."""
    clip = {"full": full_clip, "tiny": tiny_clip}[size](seconds, device, steps)
    animation = clip.animation
    growing = clip.audio.nbytes + sum(t.nbytes for t in animation.features.by_encoder.values())
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        n = clip.save(Path(folder) / "clip.mp4")
    elapsed = time.perf_counter() - started
    return {
        "size": size,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "seconds_of_clip": n / FPS,
        "frames": n,
        "steps": steps,
        "batch": animation.settings.batch,
        "seconds_per_frame": elapsed / n,
        "evaluations_per_frame": animation.calls / n,
        "tflop_per_frame": tflop_per_frame(animation),
        "peak_host_mb": peak_memory() / 1e6,
        "recording_and_features_mb": growing / 1e6,
        "peak_device_mb": torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else None,
    }


def tflop_per_frame(animation: Animation) -> float:
    """Counted on one network call and one decoding, times how often each happens."""
    models = animation.models
    side = models.image_size // models.vae.factor
    network = models.interpolation
    latents = torch.zeros(1, SLOTS, 4, side, side, device=models.device)
    tokens = torch.zeros(1, SLOTS, network.sizes["context_dim"], device=models.device)
    seen = interpolation_conditioning(latents[:, :2], network.mask_for(side, side), tokens)
    with torch.inference_mode(), FlopCounterMode(display=False) as call:
        denoise(network.unet, latents, torch.ones(1), seen)
    with FlopCounterMode(display=False) as decoding:
        decode_segments(models.vae, latents)
    timeline = animation.timeline
    flops = animation.calls * call.get_total_flops() + timeline.n_segments * decoding.get_total_flops()
    return flops / timeline.n_frames / 1e12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["tiny", "full"], default="tiny")
    parser.add_argument(
        "--seconds", type=float, nargs="+", help="clip lengths; 10 and 600 for tiny, 10 for full"
    )
    parser.add_argument("--steps", type=int, help="10 for full; 1 for tiny, where memory is the question")
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    steps = options.steps or (10 if options.size == "full" else 1)
    if options.one:
        print(json.dumps(run(options.size, options.one, torch.device(options.device), steps)))
        return 0

    results = []
    for seconds in options.seconds or ([10] if options.size == "full" else [10, 600]):
        arguments = ["--size", options.size, "--steps", str(steps), "--device", options.device]
        child = [sys.executable, __file__, *arguments, "--one", str(seconds)]
        output = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
        results.append(json.loads(output.splitlines()[-1]))
    names = [name for name in results[0] if name not in ("size", "device")]
    print(f"{options.size} on {results[0]['device']}, torch {torch.__version__}, {platform.machine()}")
    for name in names:
        print(f"{name:<28}" + "".join(f"{_cell(result[name]):>14}" for result in results))
    if len(results) > 1:
        first, last = results[0], results[-1]
        constant = [r["peak_host_mb"] - r["recording_and_features_mb"] for r in (first, last)]
        print(f"peak without recording and features: {constant[1] / constant[0]:.3f} of the short clip's")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"torch": torch.__version__, "results": results}, indent=1) + "\n")
    return 0


def _cell(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
