"""The three audio encoders: features, frame embeddings, BEATs' filter bank and head, and loading."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from keyface_lib.audio import load_encoder
from keyface_lib.audio.beats import fbank
from keyface_lib.audio.features import encode_audio, frame_features
from keyface_lib.audio.reading import mono_16k
from keyface_lib.timeline import SAMPLES_PER_FRAME, frames_in

from .case import Case, relative_error

BOUND = 1e-4
LOADING_BOUND = 0.02
"""The released code resamples with torchaudio's short filter, whose passband ripples and ends elsewhere."""


def cases(folder: Path) -> Iterator[Case]:
    """Every encoder of audio_cfgs.json on every recorded waveform."""
    golden = load_file(folder / "audio_golden.safetensors")
    configs = json.loads((folder / "audio_cfgs.json").read_text())
    encoders = {}
    for name, config in configs.items():
        file = f"{name.removesuffix('_proj')}_tiny{'_proj' if name.endswith('_proj') else ''}.safetensors"
        state = {key: tensor.float() for key, tensor in load_file(folder / file).items()}
        encoders[name] = load_encoder(name.removesuffix("_proj"), state, config)
    for key, waveform in golden.items():
        clip, _, part = key.rpartition(".")
        if part == "waveform":
            for name, encoder in encoders.items():
                yield from _encoder_cases(golden, clip, name, encoder, waveform)
            yield from _length_cases(folder, clip, encoders, waveform)
    yield from _loading_cases(folder, golden)


def _encoder_cases(golden, clip, name, encoder, waveform) -> Iterator[Case]:
    def case(part: str, ours: torch.Tensor) -> Case:
        return Case(f"{name} {clip} {part}", relative_error(ours, golden[f"{clip}.{name}.{part}"]), BOUND)

    frames = -(-frames_in(len(waveform)) // encoder.frames_multiple) * encoder.frames_multiple
    sound = F.pad(encoder.normalised(waveform), (0, frames * SAMPLES_PER_FRAME - len(waveform)))[None]
    parts = {
        "features": lambda: encoder(sound),
        "hidden": lambda: encoder(sound),
        "model_input": lambda: sound,
        "fbank": lambda: fbank(sound) * 2 * 6.55582 + 15.41663 if _raw(golden, clip, name) else fbank(sound),
        "logits": lambda: encoder.logits(sound),
        "probs": lambda: encoder.logits(sound).sigmoid(),
        "embedding": lambda: frame_features(encoder, waveform),
    }
    for part, compute in parts.items():
        if f"{clip}.{name}.{part}" in golden:
            yield case(part, compute())


def _raw(golden, clip, name) -> bool:
    """Whether the filter bank was recorded before it was standardised."""
    return float(golden[f"{clip}.{name}.fbank"].abs().mean()) > 4


def _length_cases(folder, clip, encoders, waveform) -> Iterator[Case]:
    recorded = json.loads((folder / "audio_golden.json").read_text())[clip].get("pipeline", {})
    heard = {"keyframe_audio": ("wavlm", "beats"), "interpolation_audio": ("wav2vec2", "beats")}
    for stage, shape in recorded.items():
        features = encode_audio(waveform, {name: encoders[name] for name in heard[stage]})
        ours = list(features.select(heard[stage]).shape)
        yield Case(f"{clip} {stage} shape", float(ours != shape), 0)


def _loading_cases(folder, golden) -> Iterator[Case]:
    """The recorded stereo file: its channel mean, and the first channel, which encoders get there."""
    if "load.stereo" not in golden:
        return
    rate = json.loads((folder / "audio_golden.json").read_text())["load"]["sample_rate"]
    stereo = golden["load.stereo"]
    for part, heard in (("get_raw_audio", stereo), ("wavlm.model_input", stereo[:1])):
        recorded = golden[f"load.{part}"].flatten()
        ours = mono_16k(heard, rate)
        ours = F.pad(ours, (0, len(recorded) - len(ours)))
        error = relative_error(_below_passband(ours), _below_passband(recorded))
        yield Case(f"load.{part} below 6 kHz", error, LOADING_BOUND)


def _below_passband(sound: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(sound)
    return torch.view_as_real(spectrum[: len(spectrum) * 6 // 8])
