"""The entry our weight files carry beside their tensors: what the tensors are, so that nothing is guessed."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import KeyFaceError

KEY = "keyface"
FORMAT = 1

_KINDS = {
    "role": str,
    "unet": dict | None,
    "image_size": int | None,
    "encoders": list,
    "guidance": dict,
    "training": dict,
    "config": dict | None,
    "labels": list | None,
}


@dataclass(frozen=True)
class Metadata:
    """What the tensors of a file are.

    Attributes:
        role: "keyframe", "interpolation", "reduced", "vae", "wavlm", "beats", "wav2vec2", or "svd", the
            checkpoint that training starts from.
        unet: the sizes of a network, see `architecture.unet_sizes`.
        image_size: side in pixels of the images a network was trained on.
        encoders: the audio encoders a network hears, in the order their features are joined.
        guidance: default scales: "audio" and "identity" of a keyframe network (eq. 4), "auto" of an
            interpolation network (eq. 5).
        training: whatever its training wants to say.
        config: architecture of a VAE (see `architecture.vae_sizes`) or of an audio encoder (in its authors'
            terms).
        labels: AudioSet ids of the classes that BEATs tells apart, in the order of its outputs.
        extra: entries this version does not know, kept as they are.
    """

    role: str
    unet: dict | None = None
    image_size: int | None = None
    encoders: list[str] = field(default_factory=list)
    guidance: dict[str, float] = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    config: dict | None = None
    labels: list[str] | None = None
    extra: dict = field(default_factory=dict)

    def to_json(self) -> str:
        entries = asdict(self)
        return json.dumps({"format": FORMAT, **entries.pop("extra"), **entries})


def metadata_from_json(text: str, path: str | Path) -> Metadata:
    """Reads the entry of the file `path`.

    Raises:
        KeyFaceError: it was written by a newer version, or is not what any version writes.
    """
    try:
        entries = json.loads(text)
        version = entries.pop("format")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFaceError(
            f"{path}: its '{KEY}' entry is damaged ({error}); convert the file again"
        ) from error
    if version != FORMAT:
        raise KeyFaceError(f"{path} has format {version!r} and this version reads {FORMAT}; update KeyFace")
    known = {name: entries.pop(name) for name in _KINDS if name in entries}
    for name in {"role"} | known.keys():
        if not isinstance(known.get(name), _KINDS[name]):
            raise KeyFaceError(f"{path}: its '{KEY}' entry has no valid {name!r}; convert it again")
    return Metadata(**known, extra=entries)
