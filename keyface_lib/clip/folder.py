"""What a model folder holds and lacks, in words: `keyface info`."""

from pathlib import Path

from ..audio import WITHOUT_WEIGHTS
from ..errors import KeyFaceError
from ..weights.checkpoint import NETWORKS, read_checkpoint, read_metadata
from ..weights.metadata import Metadata
from ..weights.released import RELEASED_AT, RELEASED_FILES
from ..weights.vae_parts import bare_vae
from .models import ENCODERS, find_files

_NOT_NEEDED = {
    "reduced": "the frames between go without autoguidance",
    "vae": "the decoder comes from the keyframe file, but a portrait needs an encoder",
}


def describe_folder(folder: Path) -> str:
    """The files of a model folder by role, with their sizes and what they are, and the missing ones.

    Raises:
        KeyFaceError: it is no model folder.
    """
    files = find_files(folder, required=())
    if not files:
        expected = ", ".join(f"{role}.safetensors" for role in NETWORKS)
        raise KeyFaceError(
            f"{folder}: holds no file of a model; expected are {expected}, or the released files"
        )
    metadata: dict[str, Metadata] = {}
    faults: dict[str, str] = {}
    for role, path in files.items():
        try:
            metadata[role] = read_metadata(path)
        except KeyFaceError as error:
            faults[role] = str(error)
    heard = list(
        dict.fromkeys(name for role in NETWORKS if role in metadata for name in metadata[role].encoders)
    )
    rows = [("folder", str(folder))]
    missing = []
    for role in RELEASED_FILES:
        if role in faults:
            rows.append((role, f"{files[role].name}: cannot be used: {faults[role]}"))
            missing.append(role)
        elif role in files:
            rows.append((role, _row(files[role], role, metadata[role])))
        elif role not in ENCODERS or role in heard:
            rows.append((role, _missing(role)))
            missing.append(role)
    for name in heard:
        if name in WITHOUT_WEIGHTS:
            rows.append((name, "needs no file"))
    needed = [role for role in missing if role not in _NOT_NEEDED]
    if not _has_vae_encoder(files, metadata):
        needed.append("an encoder of the VAE")
    rows.append(("complete", "yes" if not needed else f"no, a clip also needs: {', '.join(needed)}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _row(path: Path, role: str, metadata: Metadata) -> str:
    parts = [path.name, _size(path)]
    if metadata.role != role:
        parts.append(f"but it holds a {metadata.role} model")
    if metadata.image_size:
        parts.append(f"{metadata.image_size} pixels")
    if metadata.encoders:
        parts.append(f"hears {' and '.join(metadata.encoders)}")
    return ", ".join(parts)


def _missing(role: str) -> str:
    consequence = f": {_NOT_NEEDED[role]}" if role in _NOT_NEEDED else ""
    released = f"{role}.safetensors or {RELEASED_FILES[role]} (of {RELEASED_AT[role]})"
    return f"missing{consequence}; expected {released}"


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.2f} MB"


def _has_vae_encoder(files: dict[str, Path], metadata: dict[str, Metadata]) -> bool:
    for role in ("vae", "keyframe"):
        if role in metadata:
            names = bare_vae(read_checkpoint(files[role]).state_dict)
            if any(name.startswith("encoder.") for name in names):
                return True
    return False
