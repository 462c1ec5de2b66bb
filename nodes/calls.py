"""Calls of a network: sequences as ComfyUI's conditions and frames, as many at a time as memory holds."""

from collections.abc import Sequence
from functools import partial
from uuid import uuid4

import comfy.conds
import comfy.model_patcher
import torch
from comfy.model_base import BaseModel
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrapperExecutor, WrappersMP, add_wrapper_with_key
from einops import rearrange, repeat

from ..keyface_lib.method.batching import BatchSize
from ..keyface_lib.method.conditioning import Conditioning, stack
from ..keyface_lib.method.timeline import SLOTS
from . import compat

LARGEST_BATCH = 12
"""Sequences in one network call; more would fill no card better, and cancelling waits for a call."""
_HEADROOM = 1.5
"""ComfyUI's own factor on its estimate of what a call needs."""


def cond_of(seen: list[Conditioning], x: torch.Tensor) -> list[dict]:
    """Conditions of sequences as ComfyUI's: entries for frames in a batch, on the device of `x`."""
    conditioning = stack(seen)
    return [
        {
            "uuid": uuid4(),
            "model_conds": {
                "c_concat": comfy.conds.CONDNoiseShape(conditioning.concat.flatten(0, 1).to(x.device)),
                "c_crossattn": comfy.conds.CONDCrossAttn(
                    repeat(conditioning.context, "s token d -> (s slot) token d", slot=SLOTS)
                ),  # every frame hears all 14
                "y": comfy.conds.CONDRegular(conditioning.vector.flatten(0, 1)),
                "num_video_frames": comfy.conds.CONDConstant(SLOTS),
            },
        }
    ]


def with_calls_that_fit(options: dict, batch: BatchSize) -> dict:
    """Options for functions that call the network with all sequences at once: the call is split for them."""
    options = comfy.model_patcher.create_model_options_clone(options)
    add_wrapper_with_key(
        WrappersMP.CALC_COND_BATCH, "keyface", partial(_call_in_parts, batch), options, is_model_options=True
    )
    return options


def _call_in_parts(
    batch: BatchSize,
    executor: WrapperExecutor,
    model: BaseModel,
    conds: list,
    x: torch.Tensor,
    timestep: torch.Tensor,
    options: dict,
) -> list[torch.Tensor]:
    """ComfyUI's calc_cond_batch over whole sequences, as many at a time as memory holds."""

    def call(part: range) -> torch.Tensor:
        frames = slice(SLOTS * part.start, SLOTS * part.stop)
        parts = [None if cond is None else [_part(entry, frames) for entry in cond] for cond in conds]
        out = executor(model, parts, x[frames], timestep[frames], options)
        return rearrange(torch.stack(out), "cond (s slot) ... -> s cond slot ...", slot=SLOTS)

    called = torch.cat([*batch.run(call, range(len(x) // SLOTS))])
    return [*rearrange(called, "s cond slot ... -> cond (s slot) ...")]


def _part(cond: dict, frames: slice) -> dict:
    """An entry of `cond_of` for some of its frames."""
    seen = {
        name: value if isinstance(value, comfy.conds.CONDConstant) else type(value)(value.cond[frames])
        for name, value in cond["model_conds"].items()
    }
    return {**cond, "model_conds": seen}


def weigh_one_sequence(
    executor: WrapperExecutor,
    model: ModelPatcher,
    noise_shape: Sequence[int],
    *args: object,
    **kwargs: object,
) -> tuple:
    """Loads the networks with room for one sequence beside them: however long the clip, calls are split."""
    return executor(model, [SLOTS, *noise_shape[1:]], *args, **kwargs)


def batch_that_fits(network: ModelPatcher, x: torch.Tensor) -> BatchSize:
    """Sequences in a call of a MODEL on frames like `x`, by the memory that is free now."""
    needed = _HEADROOM * network.model.memory_required([SLOTS, *x.shape[1:]])
    return BatchSize(min(LARGEST_BATCH, int(compat.free_memory(network, x.device) / max(1, needed))))
