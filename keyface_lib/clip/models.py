"""A model folder on disk and the loaded models it becomes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..audio import WITHOUT_WEIGHTS, load_encoder
from ..audio.encoders import AudioEncoder
from ..errors import KeyFaceError
from ..files import unreadable
from ..messages import one_line, shown
from ..method.batching import memory_for
from ..networks.devices import HostWeights, network_dtype, vae_dtype
from ..networks.network import Network, load_network
from ..networks.vae import KeyFaceVAE, load_vae
from ..strict_json import read_json
from ..weights.architecture import ENCODERS, NETWORKS
from ..weights.checkpoint import Checkpoint, read_checkpoint
from ..weights.metadata import require_known_encoders
from ..weights.released import RELEASED_FILES
from ..weights.schema import check, table
from ..weights.vae_parts import bare_vae, joined_vae
from .settings import Settings, settings_from

CONFIG = "config.json"


@dataclass(frozen=True)
class Models:
    """Everything a clip is made with.

    Attributes:
        keyframe, interpolation: the two stages' networks.
        reduced: the network that guides the interpolation, or None.
        vae: the autoencoder.
        encoders: audio encoders by name, all that the networks hear.
        keyframe_encoders, interpolation_encoders: encoder names in the order their features are joined.
        image_size: side of the square frames in pixels.
        device: where the networks compute.
        offload: hold only the networks at work there; their weights stay in host memory, too.
        guidance: default scales "audio", "identity" and "auto", from the files.
        knows: which pictures the autoencoder knows, where it knows no others (`Metadata.knows`).
    """

    keyframe: Network
    interpolation: Network
    reduced: Network | None
    vae: KeyFaceVAE
    encoders: Mapping[str, torch.nn.Module]
    keyframe_encoders: tuple[str, ...]
    interpolation_encoders: tuple[str, ...]
    image_size: int
    device: torch.device
    offload: bool = False
    guidance: Mapping[str, float] = field(default_factory=dict)
    knows: Mapping[str, Any] | None = None
    _host: dict[int, HostWeights] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def precision(self) -> str:
        """The types that networks and autoencoder compute in, in words."""
        network, vae = (str(t).removeprefix("torch.") for t in (self.keyframe.unet.dtype, self.vae.dtype))
        return network if network == vae else f"{network} (autoencoder {vae})"

    def default_settings(self) -> Settings:
        """How these models want to be sampled."""
        return settings_from(Settings(), **{f"{name}_scale": value for name, value in self.guidance.items()})

    def load_to_device(self, *modules: torch.nn.Module | None) -> None:
        """Puts the modules about to work on the device, with `offload` all others off it first.

        Raises:
            DoesNotFitError: their weights do not fit there.
        """
        wanted = {id(module) for module in modules}
        if self.offload:
            self.unload(*(module for module in self._named().values() if id(module) not in wanted))
        for name, module in self._named().items():
            if id(module) not in wanted or self.device.type == "cpu":
                continue
            if self.offload or module in self.encoders.values():
                self._host_weights(name, module).load(self.device)
            else:
                with memory_for(name):
                    torch.nn.Module.to(module, self.device)

    def unload(self, *modules: torch.nn.Module) -> None:
        """Takes modules off the device, as far as their weights are kept in host memory too.

        Those of audio encoders are, with `offload` all.
        """
        for module in modules:
            if id(module) in self._host:
                self._host[id(module)].unload()

    def _host_weights(self, name: str, module: torch.nn.Module) -> HostWeights:
        if id(module) not in self._host:
            pinned = self.offload and self.device.type == "cuda"
            self._host[id(module)] = HostWeights(module, name, pinned)
        return self._host[id(module)]

    def _named(self) -> dict[str, torch.nn.Module]:
        """All modules by what messages call them."""
        networks = {"keyframe": self.keyframe, "interpolation": self.interpolation, "reduced": self.reduced}
        modules = {
            f"the {role} network": network for role, network in networks.items() if network is not None
        }
        encoders = {f"the audio encoder {name}": encoder for name, encoder in self.encoders.items()}
        return {**modules, "the autoencoder": self.vae, **encoders}


def find_files(folder: Path, required: Sequence[str] = ("keyframe", "interpolation")) -> dict[str, Path]:
    """The files of a model folder by role: what its `config.json` names, ours, or the released ones.

    Its config names files inside the folder, as "name" or "subfolder/name". Links are followed, wherever they
    lead: the hub's own cache is made of them.

    Args:
        required: the roles that must be there; with none, a file that the config names may be missing too.

    Raises:
        KeyFaceError: the folder does not exist or may not be entered, its config is none or names a file that
            is not there or not inside, or a file of a required role is missing.
    """
    try:
        return _found(folder, required)
    except OSError as error:
        raise unreadable(folder, error, "model folder") from error


def _found(folder: Path, required: Sequence[str]) -> dict[str, Path]:
    if not _is(Path.is_dir, folder):
        raise KeyFaceError(
            f"{one_line(folder)}: no such model folder; 'keyface init --size tiny {folder}' makes a small one"
        )
    files = _named_files(folder, all_there=bool(required))
    for role, released in RELEASED_FILES.items():
        found = [folder / name for name in (f"{role}.safetensors", released) if (folder / name).is_file()]
        if found:
            files.setdefault(role, found[0])
    for role in required:
        if role not in files:
            names = f"{role}.safetensors or the released {RELEASED_FILES[role]}"
            raise KeyFaceError(f"{folder}: no {role} network; expected {names}")
    return files


def load_models(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype | None = None,
    offload: bool = False,
    progress=None,
) -> Models:
    """Loads a model folder.

    Args:
        dtype: of the networks; None takes `devices.network_dtype`. The VAE has the same but where that
            overflows (`devices.vae_dtype`); audio encoders always run in float32.
        progress: called with (done, total) files.

    Raises:
        KeyFaceError: a file is missing, of the wrong role, or not what it should be.
    """
    files = find_files(folder)
    dtype = dtype or network_dtype(device)
    read = {role: _read(files, role) for role in (*NETWORKS, "vae") if role in files}
    keyframe, interpolation = read["keyframe"], read["interpolation"]
    names = {role: tuple(read[role].metadata.encoders) for role in ("keyframe", "interpolation")}
    for role in names:
        require_known_encoders(names[role], WITHOUT_WEIGHTS, files[role])
    encoders: dict[str, Any] = {}
    for name in dict.fromkeys(names["keyframe"] + names["interpolation"]):
        if name in WITHOUT_WEIGHTS:
            encoders[name] = load_encoder(name)
            continue
        if name not in files:
            raise KeyFaceError(
                f"{folder}: the networks hear {name}, whose file is missing; expected {name}.safetensors "
                f"or the released {RELEASED_FILES[name]}"
            )
        checkpoint, path = _read(files, name), str(files[name])
        metadata = checkpoint.metadata
        encoders[name] = load_encoder(name, checkpoint.state_dict, metadata.config, metadata.labels, path)
    networks = {
        role: load_network(read[role], str(files[role])).to(dtype=dtype) for role in NETWORKS if role in read
    }
    # The temporal decoder, which network files carry too, with the encoder, which they do not.
    parts = [bare_vae(checkpoint.state_dict) for checkpoint in (read.get("vae"), keyframe) if checkpoint]
    vae = load_vae(joined_vae(parts), str(files.get("vae", files["keyframe"])))
    image_size = _common_image_size(networks, encoders, vae.factor, read, files)
    return Models(
        keyframe=networks["keyframe"],
        interpolation=networks["interpolation"],
        reduced=networks.get("reduced"),
        # diffusers' own `to` warns of layers that are not there
        vae=torch.nn.Module.to(vae, dtype=vae_dtype(dtype)),
        encoders=encoders,
        keyframe_encoders=names["keyframe"],
        interpolation_encoders=names["interpolation"],
        image_size=image_size,
        device=device,
        offload=offload,
        guidance=keyframe.metadata.guidance | interpolation.metadata.guidance,
        knows=read["vae"].metadata.knows if "vae" in read else None,
    )


def _common_image_size(
    networks: Mapping[str, Network],
    encoders: Mapping[str, AudioEncoder],
    factor: int,
    read: Mapping[str, Checkpoint],
    files: Mapping[str, Path],
) -> int:
    """The image size of files that belong together; raises a KeyFaceError unless all their sizes agree."""
    sizes = {role: read[role].metadata.image_size for role in networks}
    side = sizes["keyframe"]
    if side is None or len(set(sizes.values())) != 1 or side % factor:
        raise KeyFaceError(
            f"{one_line(files['keyframe'].parent)}: the networks are for images of {sizes} pixels, "
            f"and the VAE has {factor} to a latent; use files that belong together"
        )
    for role in ("keyframe", "interpolation"):
        names = read[role].metadata.encoders
        projection, heard = networks[role].projection, sum(encoders[name].dim for name in names)
        if projection is not None and projection.in_features != heard:
            raise KeyFaceError(
                f"{one_line(files[role])}: the network is conditioned on {projection.in_features} audio "
                f"features, and {', '.join(names)} have {heard}; use files that belong together"
            )
    return side


def _named_files(folder: Path, all_there: bool) -> dict[str, Path]:
    """The files by role that the folder's config names; unless `all_there` only those that are there."""
    path = folder / CONFIG
    if not path.exists():
        return {}
    remedy = "see docs/checkpoints.md, or take it out"
    entries = read_json(path)
    check(entries, {"files": table}, one_line(path), remedy, missing_ok=True)
    files = {}
    for role, name in entries.get("files", {}).items():
        if role not in RELEASED_FILES:
            continue
        parts = Path(name).parts if isinstance(name, str) else ()
        if not parts or Path(name).is_absolute() or "\\" in name or ".." in parts:
            raise KeyFaceError(
                f"{one_line(path)} names {shown(name)} as {role}, which is not inside the folder; {remedy}"
            )
        if not _is(Path.is_file, folder / name):
            if not all_there:
                continue
            raise KeyFaceError(
                f"{one_line(path)} names {shown(name)} as {role}, which is not there; put it there, {remedy}"
            )
        files[role] = folder / name
    return files


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    """Whether a path is of a kind; names that no file can have are of none."""
    try:
        return kind(path)
    except (OSError, ValueError):
        return False


def _read(files: dict[str, Path], role: str) -> Checkpoint:
    checkpoint = read_checkpoint(files[role])
    if checkpoint.metadata.role != role:
        raise KeyFaceError(
            f"{files[role]}: holds a {checkpoint.metadata.role} model where a {role} model is expected"
        )
    if role in ENCODERS and checkpoint.metadata.config is None:
        raise KeyFaceError(
            f"{files[role]}: does not say how its encoder is built; convert the file its authors released"
        )
    return checkpoint
