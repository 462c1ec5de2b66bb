"""Every model of the pack on a pretended card, however much of it fits there. Run by the host's own Python.

python placement_cases.py COMFYUI MODELS [MODE ...]   prints one JSON object a case

MODELS is a folder of random tiny models, as `keyface_lib.tiny` writes them. A case has a mode, what was run,
the share of its weights that was on the card then, and the problem, or null.
"""

import contextlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from in_host import prepare, use_dynamic_memory
from pretend_card import CARD, Card, allow_data_between_devices, limited, stub_driver

COMFYUI, MODELS = sys.argv[1], Path(sys.argv[2])
prepare(COMFYUI)

import comfy.model_management as mm  # noqa: E402
import comfy.model_patcher  # noqa: E402
import comfy.samplers  # noqa: E402
import torch  # noqa: E402
from comfy.model_patcher import ModelPatcher  # noqa: E402
from keyface_pack.keyface_lib.method.conditioning import Conditioning  # noqa: E402
from keyface_pack.keyface_lib.method.timeline import SLOTS  # noqa: E402
from keyface_pack.keyface_lib.weights.checkpoint import Checkpoint, read_checkpoint  # noqa: E402
from keyface_pack.keyface_lib.weights.vae_parts import bare_vae, joined_vae  # noqa: E402
from keyface_pack.nodes import loaders  # noqa: E402
from keyface_pack.nodes.autoencoder import KeyFaceVAE  # noqa: E402
from keyface_pack.nodes.guiders import SequenceGuider  # noqa: E402
from keyface_pack.nodes.network import load_network  # noqa: E402

MODES = {
    "normal": (mm.VRAMState.NORMAL_VRAM, 2.0),
    "half": (mm.VRAMState.NORMAL_VRAM, 0.5),
    "lowvram": (mm.VRAMState.LOW_VRAM, 0.1),
    "novram": (mm.VRAMState.NO_VRAM, 0.0),
}
"""What ComfyUI was told of the card's memory, and the share of a model's weights that has room there."""
DYNAMIC, ON_PROCESSOR = "dynamic", "dynamic, on the processor"
HAS_DYNAMIC = hasattr(comfy.model_patcher, "ModelPatcherDynamic")
FREE = 64 * 1024**3
SIDE = 64


@contextlib.contextmanager
def mode(name: str) -> Iterator[None]:
    """ComfyUI with a card, in one of its ways to share memory with it."""
    state, share = MODES.get(name, MODES["normal"])
    plain_load = ModelPatcher.partially_load
    mm.vram_state = state
    device = torch.device("cpu") if name == ON_PROCESSOR else CARD
    mm.get_torch_device = lambda: device
    mm.should_use_fp16 = mm.should_use_bf16 = lambda *_args, **_options: device == CARD
    ModelPatcher.partially_load = limited(plain_load, share)
    if HAS_DYNAMIC:
        use_dynamic_memory(name in (DYNAMIC, ON_PROCESSOR))
    if name == DYNAMIC:
        stub_driver()
    try:
        yield
    finally:
        mm.unload_all_models()
        ModelPatcher.partially_load = plain_load


def read_half(role: str) -> Checkpoint:
    """A file in half precision, as the released ones are."""
    checkpoint = read_checkpoint(MODELS / f"{role}.safetensors")
    return replace(checkpoint, state_dict={n: t.half() for n, t in checkpoint.state_dict.items()})


def network(role: str, weight_dtype: str):
    return load_network(read_half(role), role, weight_dtype)


def sampled(networks: list, weights: list[float]) -> torch.Tensor:
    sizes = networks[-1].model.model_config.unet_config
    concat = sizes["in_channels"] - 4

    def conditions(_sequence: int) -> list[Conditioning]:
        seen = Conditioning(
            torch.zeros(1, SLOTS, concat, 8, 8),
            torch.zeros(1, SLOTS, sizes["context_dim"]),
            torch.zeros(1, SLOTS, sizes["adm_in_channels"]),
        )
        return [seen] * len(networks)

    guider = SequenceGuider(networks, conditions, weights, 2)
    noise = torch.zeros(2 * SLOTS, 4, 8, 8)
    sigmas = torch.tensor([10.0, 1.0, 0.0])
    return guider.sample(
        noise, noise, comfy.samplers.sampler_object("euler"), sigmas, disable_pbar=True, seed=0
    )


def keyframes(weight_dtype: str = "default") -> torch.nn.Module:
    model = network("keyframe", weight_dtype)
    expect(sampled([model] * 3, [-1.0, 0.5, 1.5]).shape == (2 * SLOTS, 4, 8, 8), "shape of the latents")
    return model.model


def keyframes_fp8() -> torch.nn.Module:
    return keyframes("fp8_e4m3fn")


def interpolation() -> torch.nn.Module:
    networks = [network(role, "default") for role in ("reduced", "interpolation")]
    expect(sampled(networks, [-1.0, 2.0]).shape == (2 * SLOTS, 4, 8, 8), "shape of the latents")
    return networks[0].model


def autoencoder() -> torch.nn.Module:
    parts = [bare_vae(read_half(role).state_dict) for role in ("vae", "keyframe")]
    vae = KeyFaceVAE(joined_vae(parts), "vae")
    expect(vae.encode(torch.rand(1, SIDE, SIDE, 3)).shape[1] == 4, "shape of the latent")
    expect(vae.decode(torch.zeros(2, 4, 8, 8)).shape == (2, SIDE, SIDE, 3), "shape of the pictures")
    return vae.first_stage_model


def encoder(name: str) -> torch.nn.Module:
    patcher = loaders._load_encoder(name, MODELS / f"{name}.safetensors")
    encoders = loaders.Encoders({name: patcher})
    for again in (False, True):
        module = encoders.loaded(name)
        tokens = module.tokens(torch.zeros(1, 4_000))
        expect(tokens.shape[-1] == module.dim, "width of the tokens")
        if not again:  # another model needs room: of what is left, all is loaded again
            patcher.partially_unload(patcher.offload_device, patcher.model_size() / 2)
    return module


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise RuntimeError(what)


CASES = {
    "keyframes": keyframes,
    "keyframes in fp8": keyframes_fp8,
    "interpolation": interpolation,
    "autoencoder": autoencoder,
    **{name: partial(encoder, name) for name in loaders.ENCODERS},
}


def on_card(model: torch.nn.Module) -> float:
    """The share of the weights, in numbers, that lie on the card."""
    parameters = list(model.parameters())
    here = sum(parameter.numel() for parameter in parameters if parameter.device == CARD)
    return here / sum(parameter.numel() for parameter in parameters)


def outcome(name: str, run: Callable[[], torch.nn.Module]) -> dict:
    try:
        with Card(), mode(name):
            return {"on_card": on_card(run()), "problem": None}
    except Exception as error:
        traceback.print_exc()
        return {"on_card": None, "problem": f"{type(error).__name__}: {error}"}


def main() -> None:
    mm.get_free_memory = lambda _device=None, torch_free_too=False: (FREE, FREE) if torch_free_too else FREE
    allow_data_between_devices()
    known = [*MODES, DYNAMIC, ON_PROCESSOR] if HAS_DYNAMIC else [*MODES]
    for name in sys.argv[3:] or known:
        for what, run in CASES.items():
            print(json.dumps({"mode": name, "what": what, **outcome(name, run)}), flush=True)


main()
