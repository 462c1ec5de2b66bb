"""Loading files: the networks and their VAE, and the audio encoders."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import comfy.model_management as mm
import comfy.model_patcher
from comfy_api.latest import io

from ..keyface_lib import small
from ..keyface_lib.audio import WITHOUT_WEIGHTS, load_encoder
from ..keyface_lib.audio.encoders import AudioEncoder
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.messages import shown
from ..keyface_lib.weights.architecture import ENCODERS
from ..keyface_lib.weights.metadata import require_known_encoders
from ..keyface_lib.weights.vae_parts import bare_vae, joined_vae
from . import edges, files
from .autoencoder import KeyFaceVAE
from .compat import found_by
from .files import AUTO, NONE, SMALL
from .network import WEIGHT_DTYPES, load_network, trained_of

NETWORK_FOLDERS = (files.FOLDER, "checkpoints", "diffusion_models")
VAE_FOLDERS = (files.FOLDER, "vae")
ENCODER_FOLDERS = ("audio_encoders",)
SCALES = {"keyframe": ("audio", "identity"), "interpolation": ("auto",)}
"""The guidance scales that are taken from the file of a network."""


@dataclass(frozen=True)
class Encoders:
    """Loaded audio encoders: the `ModelPatcher` of each, by name."""

    by_name: Mapping[str, comfy.model_patcher.ModelPatcher]

    def loaded(self, name: str) -> AudioEncoder:
        """An encoder on the device it runs on, whole: its layers do not cast what was left elsewhere."""
        mm.load_models_gpu([self.by_name[name]], force_full_load=True)
        return self.by_name[name].model


class LoadModels(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        networks = files.choices(NETWORK_FOLDERS)
        return io.Schema(
            node_id="KeyFaceLoadModels",
            display_name="Load KeyFace Models",
            category="KeyFace",
            **found_by(),
            description="Loads KeyFace's networks and the VAE that belongs to them.",
            inputs=[
                io.Combo.Input(
                    "keyframe",
                    options=[AUTO, *networks, SMALL],
                    default=AUTO,
                    tooltip="The network that makes keyframes. 'auto' finds it in models/keyface. "
                    "Where no network is there, the small bundled model is used, which knows drawn faces.",
                ),
                io.Combo.Input(
                    "interpolation",
                    options=[AUTO, *networks, SMALL],
                    default=AUTO,
                    tooltip="The network that fills in the frames between keyframes.",
                ),
                io.Combo.Input(
                    "reduced",
                    options=[AUTO, NONE, *networks, SMALL],
                    default=AUTO,
                    tooltip="A less trained interpolation network that guides the better one (autoguidance). "
                    "Without it the interpolation is not guided: faster, and less sharp.",
                ),
                io.Combo.Input(
                    "weight_dtype",
                    options=list(WEIGHT_DTYPES),
                    default="default",
                    tooltip="How the networks' weights are kept. fp8 halves their memory and costs some "
                    "quality.",
                ),
                io.Combo.Input(
                    "vae",
                    options=[AUTO, NONE, *files.choices(VAE_FOLDERS), SMALL],
                    default=AUTO,
                    tooltip="Where the VAE's encoder comes from: network files carry only the decoder. SVD's "
                    "or any Stable Diffusion 1.x VAE.",
                ),
            ],
            outputs=[
                io.Model.Output(
                    "keyframe_model", display_name="keyframe", tooltip="For the Keyframe Sampler."
                ),
                io.Model.Output(
                    "interpolation_model",
                    display_name="interpolation",
                    tooltip="For the Interpolation Sampler.",
                ),
                io.Model.Output(
                    "reduced_model",
                    display_name="reduced",
                    tooltip="For the Interpolation Sampler's guidance; empty where there is no such file.",
                ),
                io.Vae.Output(
                    "keyface_vae",
                    display_name="vae",
                    tooltip="Turns pictures into latents and back, frame by frame.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, keyframe=None, interpolation=None, reduced=None, vae=None):
        try:
            _chosen(keyframe, interpolation, reduced, vae)
        except KeyFaceError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, keyframe=None, interpolation=None, reduced=None, weight_dtype=None, vae=None):
        chosen = _chosen(keyframe, interpolation, reduced, vae)
        return [weight_dtype, *map(files.stamp, chosen.values())]

    @classmethod
    @edges.checked
    def execute(cls, keyframe, interpolation, reduced, weight_dtype, vae) -> io.NodeOutput:
        paths = _chosen(keyframe, interpolation, reduced, vae)
        read = {role: files.read(path, role) for role, path in paths.items() if path}
        if keyframe == AUTO and paths["keyframe"].parent == small.FOLDER:
            logging.info("KeyFace: models/keyface holds no networks; the small bundled model is used")
        of_vae = read["vae"].metadata if "vae" in read else None
        preview, knows = (of_vae.preview, of_vae.knows) if of_vae else (None, None)
        networks = {
            role: load_network(read[role], paths[role].name, weight_dtype, preview)
            for role in ("keyframe", "interpolation", "reduced")
            if role in read
        }
        holders = [role for role in ("vae", "keyframe", "interpolation") if role in read]
        parts = [bare_vae(read[role].state_dict) for role in holders]
        autoencoder = KeyFaceVAE(joined_vae(parts), paths[holders[0]].name, knows, preview)
        return io.NodeOutput(
            networks["keyframe"], networks["interpolation"], networks.get("reduced"), autoencoder
        )


def guidance(keyframe: str, interpolation: str) -> dict[str, float]:
    """The scales in force "from the model" for two choices of the loader, as far as its files have them.

    Raises:
        KeyFaceError: the loader does not offer the choice, or would not load it.
    """
    offered = files.choices(NETWORK_FOLDERS, AUTO, SMALL)
    for name in (keyframe, interpolation):
        if name not in offered:
            raise KeyFaceError(f"{shown(name)} is not among the models that Load KeyFace Models offers")
    paths = _chosen(keyframe, interpolation, None, None)
    found = {role: files.guidance(paths[role]) for role in SCALES}
    return {
        name: found[role][name] for role, names in SCALES.items() for name in names if name in found[role]
    }


def _chosen(keyframe, interpolation, reduced, vae) -> dict:
    """{role: path or None} of the loader's choices; a choice that comes over a link is None until it runs.

    Networks of one model belong together: once a network is the small model's, "auto" means the small model
    for all. So it does where both networks are "auto" and models/keyface has neither.
    """
    choices = {
        "keyframe": (keyframe, NETWORK_FOLDERS, False),
        "interpolation": (interpolation, NETWORK_FOLDERS, False),
        "reduced": (reduced, NETWORK_FOLDERS, True),
        "vae": (vae, VAE_FOLDERS, True),
    }
    networks = {keyframe, interpolation}
    none_there = networks == {AUTO} and not any(
        files.holds(role, files.FOLDER) for role in ("keyframe", "interpolation")
    )
    auto = SMALL if SMALL in networks or none_there else AUTO
    return {
        role: files.resolve(auto if name == AUTO else name or NONE, role, folders, optional)
        for role, (name, folders, optional) in choices.items()
    }


class LoadAudioEncoders(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        names = files.choices(ENCODER_FOLDERS)
        what = {
            "wavlm": "hears what is said, for keyframes",
            "beats": "hears laughter, sighs and the like, for both stages",
            "wav2vec2": "hears what is said, for the interpolation",
        }
        return io.Schema(
            node_id="KeyFaceLoadAudioEncoders",
            display_name="Load KeyFace Audio Encoders",
            category="KeyFace",
            **found_by("WavLM", "BEATs", "wav2vec2"),
            description="Loads the audio encoders that the networks hear with, from models/audio_encoders.",
            inputs=[
                *(
                    io.Combo.Input(
                        encoder,
                        options=[AUTO, NONE, *names],
                        default=AUTO,
                        tooltip=f"Encoder that {what[encoder]}. 'auto' finds it by its content.",
                    )
                    for encoder in ENCODERS
                ),
                io.Model.Input(
                    "keyframe_model",
                    optional=True,
                    tooltip="Connect it to load just the encoders this model needs, and to be told of "
                    "missing ones.",
                ),
                io.Model.Input(
                    "interpolation_model",
                    optional=True,
                    tooltip="Connect it to load just the encoders this model needs, and to be told of "
                    "missing ones.",
                ),
            ],
            outputs=[
                io.Custom("KEYFACE_ENCODERS").Output(
                    "encoders", display_name="encoders", tooltip="For Encode Audio."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, wavlm=None, beats=None, wav2vec2=None):
        try:
            _chosen_encoders({"wavlm": wavlm, "beats": beats, "wav2vec2": wav2vec2})
        except KeyFaceError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, wavlm=None, beats=None, wav2vec2=None, **_models):
        chosen = _chosen_encoders({"wavlm": wavlm, "beats": beats, "wav2vec2": wav2vec2})
        return [files.stamp(path) for path in chosen.values()]

    @classmethod
    @edges.checked
    def execute(cls, wavlm, beats, wav2vec2, keyframe_model=None, interpolation_model=None) -> io.NodeOutput:
        paths = _chosen_encoders({"wavlm": wavlm, "beats": beats, "wav2vec2": wav2vec2})
        needed = _needed(keyframe_model, interpolation_model)
        missing = [name for name in needed if name not in WITHOUT_WEIGHTS and paths.get(name) is None]
        if missing:
            wanted = "; ".join(f"{name} ({files.how_to_get(name, ENCODER_FOLDERS[0])})" for name in missing)
            raise KeyFaceError(f"the connected models hear {', '.join(needed)}; missing: {wanted}")
        wanted = {name: path for name, path in paths.items() if path and (name in needed or not needed)}
        wanted |= {name: None for name in needed if name in WITHOUT_WEIGHTS}
        if not wanted:
            raise KeyFaceError(f"no audio encoder was found; {files.how_to_get('wavlm', ENCODER_FOLDERS[0])}")
        return io.NodeOutput(Encoders({name: _load_encoder(name, path) for name, path in wanted.items()}))


def _chosen_encoders(names: Mapping[str, str | None]) -> dict:
    return {
        role: files.resolve(name or NONE, role, ENCODER_FOLDERS, optional=True)
        for role, name in names.items()
    }


def _needed(keyframe_model, interpolation_model) -> list[str]:
    """Names of the encoders that the connected models hear; none where no model is connected."""
    models = {"keyframe": keyframe_model, "interpolation": interpolation_model}
    trained = [trained_of(model, role) for role, model in models.items() if model is not None]
    for network in trained:
        require_known_encoders(network.encoders, WITHOUT_WEIGHTS, network.path)
    return list(dict.fromkeys(name for network in trained for name in network.encoders))


def _load_encoder(name: str, path: Path | None) -> comfy.model_patcher.ModelPatcher:
    encoder = load_encoder(name) if path is None else _read_encoder(name, path)
    # Not the patcher of ComfyUI's own models: it may leave part of a model's weights to layers that cast.
    return comfy.model_patcher.ModelPatcher(
        encoder,
        load_device=mm.get_torch_device(),
        offload_device=mm.text_encoder_offload_device(),
    )


def _read_encoder(name: str, path: Path):
    checkpoint = files.read(path, name)
    metadata = checkpoint.metadata
    if metadata.config is None:
        raise KeyFaceError(f"{path.name} does not say how it is built; use the file its authors released")
    return load_encoder(name, checkpoint.state_dict, metadata.config, metadata.labels, path.name)
