"""KeyFace's networks as native MODELs: ComfyUI's own Stable Video Diffusion UNet with KeyFace's conditions.

Everything that works on a MODEL works on them: LoRA, fp8, low-VRAM offloading, attention back ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import comfy.latent_formats
import comfy.model_base
import comfy.model_detection
import comfy.model_management as mm
import comfy.supported_models_base
import comfy.utils
import torch

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.conditioning import audio_tokens, resized_mask
from ..keyface_lib.weights.architecture import (
    LEARNED_MASK,
    PROJECTION,
    RELEASED_HEAD_CHANNELS,
    UNET,
    VAE,
    standard_name,
)
from ..keyface_lib.weights.checkpoint import Checkpoint, require_tensors
from ..keyface_lib.weights.metadata import check_heads
from . import compat

WEIGHT_DTYPES = ("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2")
"""What ComfyUI's own loader of diffusion models offers, by the same names."""
AS_SET, FROM_MODEL = "as set", "from the model"
"""Where guidance scales come from: the node's numbers, or the file's."""


@dataclass(frozen=True)
class Trained:
    """What a network file holds beside the UNet.

    Attributes:
        role: "keyframe", "interpolation" or "reduced".
        encoders: names of the audio encoders the network hears, in the order their features are joined.
        image_size: side in pixels of the images it was trained on.
        guidance: default scales.
        tensors: the audio layer and the learned mask, by released name.
        path: the file.
        preview: the colours of its latents, see `OwnColours`; None for Stable Diffusion's.
    """

    role: str
    encoders: tuple[str, ...]
    image_size: int
    guidance: dict[str, float]
    tensors: dict[str, torch.Tensor] = field(repr=False)
    path: str
    preview: Mapping[str, Any] | None = None

    def scale(self, name: str, number: float, scales: str) -> float:
        """A guidance scale: the `number` set, or the file's own, if it has one and `scales` asks for it."""
        return self.guidance.get(name, number) if scales == FROM_MODEL else number

    def tokens(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio tokens (..., d) of features (..., 2, c)."""
        layer = PROJECTION[self.role]
        weight, bias = (self.tensors[f"{layer}.{name}"] for name in ("weight", "bias"))
        return audio_tokens(audio[None], weight, bias)[0]

    def mask_for(self, height: int, width: int) -> torch.Tensor:
        """The learned mask (4, height, width) of missing frames."""
        return resized_mask(self.tensors[LEARNED_MASK], height, width)


class KeyFaceModel(comfy.model_base.BaseModel):
    """A UNet of either stage. Its conditions come from a KeyFace guider, ready to use."""

    trained: Trained

    def __init__(self, model_config, device=None):
        super().__init__(model_config, comfy.model_base.ModelType.V_PREDICTION_EDM, device=device)

    def extra_conds(self, **_conditions):
        raise KeyFaceError(
            f"the KeyFace {self.trained.role} model cannot be sampled with text conditioning; connect it to "
            "KeyFace's samplers, or to a KeyFace guider and SamplerCustomAdvanced"
        )


class OwnColours(comfy.latent_formats.SD15):
    """Latents scaled as Stable Diffusion's, with an autoencoder's own colours for rough pictures of them."""

    def __init__(self, preview: Mapping[str, Any]):
        """`preview`: `Metadata.preview` of the autoencoder's file."""
        super().__init__()
        self.latent_rgb_factors = preview["factors"]
        self.latent_rgb_factors_bias = preview["bias"]
        self.taesd_decoder_name = None  # which knows Stable Diffusion's latents


def latent_format(preview: Mapping[str, Any] | None) -> comfy.latent_formats.SD15:
    """The latents of an autoencoder whose file says these colours of them, or none."""
    return comfy.latent_formats.SD15() if preview is None else OwnColours(preview)


class KeyFaceConfig(comfy.supported_models_base.BASE):
    """How ComfyUI builds and samples the UNet: Stable Video Diffusion's settings."""

    latent_format = comfy.latent_formats.SD15
    sampling_settings = {"sigma_max": 700.0, "sigma_min": 0.002}  # noqa: RUF012 (as ComfyUI declares it)

    def __init__(self, unet_config: dict, num_head_channels: int, preview: Mapping[str, Any] | None = None):
        super().__init__(unet_config)
        self.latent_format = latent_format(preview)
        self.unet_config |= {
            "num_heads": -1,
            "num_head_channels": num_head_channels,
            "attn_precision": torch.float32,
        }

    def get_model(self, state_dict, prefix="", device=None):
        return KeyFaceModel(self, device=device)


def load_network(
    checkpoint: Checkpoint,
    path: str,
    weight_dtype: str = "default",
    preview: Mapping[str, Any] | None = None,
):
    """The `ModelPatcher` of a network read from `path`, its weights where ComfyUI keeps unused ones.

    Args:
        preview: the colours of its latents for live previews, which only the autoencoder's file says
            (`Metadata.preview`); by default Stable Diffusion's.

    Raises:
        KeyFaceError: a tensor is missing, of another shape, or not the network's.
    """
    metadata = checkpoint.metadata
    check_heads(metadata.unet or {}, path)
    tensors = {standard_name(name, metadata.role): t for name, t in checkpoint.state_dict.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(VAE)}
    unet = {name.removeprefix(UNET): tensor for name, tensor in tensors.items() if name.startswith(UNET)}
    config = _config(unet, metadata.unet or {}, weight_dtype, preview)
    model = config.get_model(unet)
    offload_device = mm.unet_offload_device()
    patcher = compat.core_patcher(model.to(offload_device), mm.get_torch_device(), offload_device)
    shapes = {UNET + name: shape for name, shape in compat.shapes_of(model.diffusion_model).items()}
    beside = _beside_unet(metadata.role)
    missing = [name for name in beside if name not in tensors]
    shapes |= {name: () if name in missing else tensors[name].shape for name in beside}
    require_tensors(tensors, shapes, path)
    compat.load_weights(model.diffusion_model, patcher, unet)
    model.trained = Trained(
        role=metadata.role,
        encoders=tuple(metadata.encoders),
        image_size=metadata.image_size,
        guidance=dict(metadata.guidance),
        tensors={name: tensors[name].float().clone() for name in beside},
        path=path,
        preview=preview,
    )
    return patcher


def trained_of(model, role: str) -> Trained:
    """What a MODEL input's network was trained as.

    Raises:
        KeyFaceError: it is not KeyFace's, or of another role than the node needs.
    """
    trained = getattr(model.model, "trained", None)
    if not isinstance(trained, Trained):
        raise KeyFaceError(
            f"this input needs KeyFace's {role} model; connect the output of Load KeyFace Models"
        )
    if trained.role != role:
        raise KeyFaceError(
            f"this input needs the {role} model and got the {trained.role} model; "
            f"connect the {role} output of Load KeyFace Models"
        )
    return trained


def _config(
    unet: dict[str, torch.Tensor], sizes: dict, weight_dtype: str, preview: Mapping[str, Any] | None
) -> KeyFaceConfig:
    detected = comfy.model_detection.detect_unet_config(unet, "")
    config = KeyFaceConfig(detected, sizes.get("num_head_channels", RELEASED_HEAD_CHANNELS), preview)
    supported = list(config.supported_inference_dtypes)
    if weight_dtype == "default":
        dtype = mm.unet_dtype(
            model_params=comfy.utils.calculate_parameters(unet),
            supported_dtypes=supported,
            weight_dtype=comfy.utils.weight_dtype(unet),
        )
    else:
        dtype = torch.float8_e5m2 if weight_dtype == "fp8_e5m2" else torch.float8_e4m3fn
        config.optimizations["fp8"] = weight_dtype.endswith("_fast")
    config.set_inference_dtype(dtype, mm.unet_manual_cast(dtype, mm.get_torch_device(), supported))
    return config


def _beside_unet(role: str) -> list[str]:
    layer = PROJECTION.get(role)
    names = [f"{layer}.weight", f"{layer}.bias"] if layer else []
    return names if role == "keyframe" else [*names, LEARNED_MASK]
