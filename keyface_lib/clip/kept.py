"""What a work folder holds beside latents and video: the portrait's latent and the features of the sound."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import torch

from ..audio.encoders import AudioEncoder
from ..audio.features import PER_FRAME, AudioFeatures, encode_audio
from ..method.timeline import frames_in
from ..work.keys import fingerprint, key_of
from ..work.store import Progress, Store

HEARING = 1
"""Counted up when the same sound comes to have other features."""


def kept_latent(store: Store | None, make: Callable[[], torch.Tensor], *depends_on: object) -> torch.Tensor:
    """A latent (4, h, w) from the store, or what `make` gives.

    Another machine rounds differently, and another portrait, however little, changes the whole clip.
    """
    if store is None:
        return make()
    key = key_of("latent", *depends_on)
    if key not in store:
        store.put("features", [0], [key], make()[None])
    return store[key]


def kept_features(
    store: Store,
    waveform: torch.Tensor,
    encoders: Mapping[str, AudioEncoder],
    progress: Progress | None,
    load: Callable[[AudioEncoder], None],
) -> AudioFeatures:
    """Features that lie in files and not in memory: what the store has not is encoded into it.

    Args:
        progress, load: see `encode_audio`.
    """
    heard, n_frames = key_of(HEARING, waveform), frames_in(len(waveform))
    keys = {name: key_of(heard, name, fingerprint(_weights(e))) for name, e in encoders.items()}
    missing = {name: encoder for name, encoder in encoders.items() if keys[name] not in store}
    if missing:
        with ExitStack() as files:

            def into(name: str, shape: tuple[int, int, int]) -> torch.Tensor:
                path = files.enter_context(store.writing("features", 0, keys[name], "bin"))
                return _mapped(path, shape, shared=True)

            encode_audio(waveform, missing, progress, load=load, into=into)
    by_encoder = {
        name: _mapped(store.path(keys[name]), (n_frames, PER_FRAME, encoder.dim))
        for name, encoder in encoders.items()
    }
    return AudioFeatures(n_frames, by_encoder)


def _weights(encoder: AudioEncoder) -> Mapping[str, torch.Tensor]:
    return cast(torch.nn.Module, encoder).state_dict()


def _mapped(path: Path, shape: tuple[int, int, int], shared: bool = False) -> torch.Tensor:
    """A float32 tensor that is the bytes of a file; a shared one writes them, as zeros at first."""
    elements = shape[0] * shape[1] * shape[2]
    return torch.from_file(str(path), shared=shared, size=elements, dtype=torch.float32).view(shape)
