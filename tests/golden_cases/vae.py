"""The autoencoder."""

from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import load_file

from keyface_lib.networks.vae import KeyFaceVAE, load_vae

from .case import Case, relative_error

BOUND = 1e-5


def recorded_vae(folder: Path) -> KeyFaceVAE:
    """The folder's tiny autoencoder."""
    path = folder / "tiny_vae.safetensors"
    return load_vae({key: tensor.float() for key, tensor in load_file(path).items()}, str(path))


def cases(folder: Path) -> Iterator[Case]:
    """Encoding to the mode, decoding frame by frame and as one clip."""
    golden = load_file(folder / "vae_golden.safetensors")
    vae = recorded_vae(folder)
    yield Case(
        "vae encode.mode",
        relative_error(vae.encode_image(golden["encode.image"]), golden["encode.mode"]),
        BOUND,
    )
    frames = golden["decode.z"]
    yield Case(
        "vae decode.timesteps1", relative_error(vae.decode_frames(frames), golden["decode.timesteps1"]), BOUND
    )
    clip = vae.decode(frames, num_frames=len(frames)).sample
    yield Case("vae decode.timesteps3", relative_error(clip, golden["decode.timesteps3"]), BOUND)
