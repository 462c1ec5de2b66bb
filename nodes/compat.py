"""What differs between the versions of ComfyUI this pack runs on: the only place that asks."""

import inspect
from collections.abc import Mapping
from dataclasses import fields

import comfy.ldm.models.autoencoder
import comfy.model_management as mm
import comfy.model_patcher
import comfy.sd
import torch
from comfy_api.latest import Input, io

_SCHEMA_FIELDS = {field.name for field in fields(io.Schema)}
_INPUT_FIELDS = inspect.signature(io.Combo.Input.__init__).parameters


def where_known(**options: object) -> dict:
    """The `io.Schema` options this version of ComfyUI knows: an unknown one would lose the whole pack."""
    return {name: value for name, value in options.items() if name in _SCHEMA_FIELDS}


def found_by(*names: str) -> dict:
    """Schema options by which a search for a purpose finds a node, and for `names` of its own."""
    return where_known(search_aliases=["talking head", "lip sync", "portrait", "avatar", *names])


def where_inputs_know(**options: object) -> dict:
    """The options of a widget's `io.Input` this version of ComfyUI knows."""
    return {name: value for name, value in options.items() if name in _INPUT_FIELDS}


def part_of(video: Input.Video) -> tuple[float, float | None]:
    """The part of its file that a video shows: from which second on, and how many; None is all."""
    ask = getattr(video, "get_active_trim_window", None)
    start, length = ask() if ask is not None else (0.0, 0.0)
    return start, length or None


def core_patcher(model: torch.nn.Module, load_device: torch.device, offload_device: torch.device):
    """The patcher that ComfyUI's own loaders give their models: with dynamic memory one that streams weights.

    Only for models of the host's layers, which cast their weights as they are used.
    """
    # Looked up at every call: the host sets it at its start, in versions that have it.
    patcher = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
    return patcher(model, load_device=load_device, offload_device=offload_device)


def shapes_of(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor, by name, that a model of the host's layers takes, loaded or not.

    With dynamic memory a Linear layer has no tensors before it is loaded; what it was built with says them.
    """
    return {name: tuple(t.shape) for name, t in (model.state_dict() | _unmade(model)).items()}


def load_weights(model: torch.nn.Module, patcher, tensors: Mapping[str, torch.Tensor]) -> None:
    """Puts tensors, exactly those of `shapes_of`, into a model of the host's layers, as the host itself does.

    With dynamic memory the model keeps the tensors as they are, mapped from their file, and the host casts
    them on their way to the card. Otherwise they are copied, in the precision the model was built with.
    """
    if hasattr(patcher, "is_dynamic") and patcher.is_dynamic():
        model.load_state_dict(dict(tensors), assign=True)
        return
    # A layer that is made while it is loaded would keep the file's precision, which nothing casts here.
    unmade = _unmade(model)
    model.load_state_dict({n: t.to(unmade[n].dtype) if n in unmade else t for n, t in tensors.items()})


def remember_dtypes(model: torch.nn.Module) -> None:
    """Notes the precision a model was built with, to which dynamic memory casts what it loads."""
    if hasattr(mm, "archive_model_dtypes"):
        mm.archive_model_dtypes(model)


def free_memory(patcher: comfy.model_patcher.ModelPatcher, device: torch.device) -> float:
    """Bytes free for a network call on a device, with what dynamic memory would make room for."""
    ask = getattr(patcher, "get_free_memory", mm.get_free_memory)
    return ask(device)


def plain_vae_arguments() -> dict:
    """Arguments with which `comfy.sd.VAE` sets all it keeps, around the smallest autoencoder it knows.

    Its constructor takes only tensors it recognises; `replace_autoencoder` puts the real one in.
    """
    sizes = {"ch": 32, "ch_mult": [1], "num_res_blocks": 1, "z_channels": 4, "double_z": True}
    sizes |= {"resolution": 32, "in_channels": 3, "out_ch": 3, "attn_resolutions": [], "dropout": 0.0}
    params = {"ddconfig": sizes, "embed_dim": 4}
    return {
        "sd": comfy.ldm.models.autoencoder.AutoencoderKL(**params).state_dict(),
        "config": {"params": params},
    }


def replace_autoencoder(vae: comfy.sd.VAE, model: torch.nn.Module) -> None:
    """Puts another autoencoder into a `comfy.sd.VAE`, without weights: those come by `load_weights`."""
    vae.first_stage_model = model.eval().requires_grad_(False).to(vae.vae_dtype)
    remember_dtypes(vae.first_stage_model)
    vae.patcher = core_patcher(model, vae.patcher.load_device, vae.patcher.offload_device)
    if hasattr(vae, "size"):
        vae.size = None  # of the one that was built before


def _unmade(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors, on the meta device, that Linear layers will have which make them when they are loaded."""
    tensors = {}
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and layer.weight is None:
            dtype = layer.weight_comfy_model_dtype
            shape = (layer.out_features, layer.in_features)
            tensors[f"{name}.weight"] = torch.empty(shape, dtype=dtype, device="meta")
            if layer.comfy_need_lazy_init_bias:
                tensors[f"{name}.bias"] = torch.empty(shape[:1], dtype=dtype, device="meta")
    return tensors
