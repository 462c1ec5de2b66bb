"""The audio encoders: filter bank, tokens, frame features and classes; the lengths; the loading of files."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file

from keyface_lib.audio.encoders import load_encoder
from keyface_lib.audio.fbank import fbank
from keyface_lib.audio.features import encode_audio, padded_samples
from keyface_lib.audio.reading import mono_16k
from keyface_lib.audio.windows import scaled_samples
from keyface_lib.method.timeline import SAMPLE_RATE, frames_in

from .case import Case, relative_error

BOUND = 1e-4
LOADING_BANDS = {5_000: 0.01, 8_000: 0.2}
"""{Hz: bound}. The released code resamples with torchaudio's six-crossing sinc, which starts to fall well
below 8 kHz and lets sound just above fold back; libswresample's filter is longer and steeper. They agree
where both are flat. The recorded sound is white noise, over a quarter of it above 8 kHz: the worst case."""
HEARS = {"keyframe_audio": ("wavlm", "beats"), "interpolation_audio": ("wav2vec2", "beats")}


def recorded_encoder(folder: Path, name: str):
    """The folder's tiny encoder `name`, a role that "_proj" may follow."""
    role, _, variant = name.partition("_")
    path = folder / f"{'_'.join(filter(None, (role, 'tiny', variant)))}.safetensors"
    config = json.loads((folder / "audio_cfgs.json").read_text())[name]
    tensors = {key: tensor.float() for key, tensor in load_file(path).items()}
    return load_encoder(role, tensors, config, path=str(path))


def cases(folder: Path) -> Iterator[Case]:
    """Every encoder of audio_cfgs.json on every recorded waveform, and the recorded stereo file."""
    golden = load_file(folder / "audio_golden.safetensors")
    notes = json.loads((folder / "audio_golden.json").read_text())
    names = list(json.loads((folder / "audio_cfgs.json").read_text()))
    encoders = {name: recorded_encoder(folder, name) for name in names}
    for clip in sorted(key.removesuffix(".waveform") for key in golden if key.endswith(".waveform")):
        for name, encoder in encoders.items():
            recorded = {
                key.removeprefix(f"{clip}.{name}."): value
                for key, value in golden.items()
                if key.startswith(f"{clip}.{name}.")
            }
            yield from _encoder_cases(f"{clip}.{name}", encoder, golden[f"{clip}.waveform"], recorded)
        for stage, shape in notes[clip].get("pipeline", {}).items():
            heard = {name: encoders[name] for name in HEARS[stage]}
            ours = encode_audio(golden[f"{clip}.waveform"], heard).select(HEARS[stage]).shape
            yield Case(f"{clip}.pipeline {stage} shape", float(list(ours) != shape), 0)
    yield from _loading_cases(golden, notes.get("load"), encoders)


def _encoder_cases(
    name: str, encoder, waveform: torch.Tensor, recorded: dict[str, torch.Tensor]
) -> Iterator[Case]:
    n_frames = frames_in(len(waveform))
    samples = padded_samples(n_frames, encoder)
    heard = scaled_samples(waveform, 0, samples, encoder.scaling(waveform, samples))[None]
    compute = {
        "model_input": lambda: heard,
        "fbank": lambda: fbank(heard[0])[None],
        "features": lambda: encoder.tokens(heard),
        "hidden": lambda: encoder.tokens(heard),
        "embedding": lambda: encode_audio(waveform, {"ours": encoder}).by_encoder["ours"],
        "logits": lambda: encoder.logits(heard),
        "probs": lambda: encoder.logits(heard).sigmoid(),
    }
    if "embedding" in recorded:
        # The authors store the frame that makes their number even and cut it off later; we do it at once.
        recorded = recorded | {"embedding": recorded["embedding"][:n_frames]}
    for part, tensor in recorded.items():
        yield Case(f"{name}.{part}", relative_error(compute[part](), tensor), BOUND)


def _loading_cases(golden: dict[str, torch.Tensor], notes: dict | None, encoders: dict) -> Iterator[Case]:
    """The file's channel mean as it is muxed, and its first channel, all of it the released encoders hear."""
    if notes is None:
        return
    stereo, rate = golden["load.stereo"], notes["sample_rate"]
    length = math.ceil(stereo.shape[1] * SAMPLE_RATE / rate)
    for key, channels in {
        "load.get_raw_audio": stereo,
        "load.get_raw_audio_mono": stereo[:1],
        "load.wavlm.model_input": stereo[:1],
    }.items():
        recorded = golden[key].flatten()
        padding = recorded[length:].abs().max().item() if len(recorded) > length else 0.0
        yield Case(f"{key} padding", padding, 0)
        ours = mono_16k(channels, rate)
        for hertz, bound in LOADING_BANDS.items():
            error = relative_error(_below(ours, hertz), _below(recorded[:length], hertz))
            yield Case(f"{key} below {hertz} Hz", error, bound)
    first = golden["load.wavlm.model_input"].flatten()[:length]
    recorded = golden["load.wav2vec2.model_input"]
    for name in (name for name in encoders if name.startswith("wav2vec2")):
        samples = recorded.shape[1]
        ours = scaled_samples(first, 0, samples, encoders[name].scaling(first, samples))[None]
        yield Case("load.wav2vec2.model_input", relative_error(ours, recorded), BOUND)


def _below(sound: torch.Tensor, hertz: int) -> torch.Tensor:
    spectrum = torch.fft.rfft(sound)
    return torch.view_as_real(spectrum[: round(hertz * len(sound) / SAMPLE_RATE)])
