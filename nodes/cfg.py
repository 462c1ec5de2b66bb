"""ComfyUI's functions around classifier-free guidance, run on KeyFace's two guidances.

Nodes such as RescaleCFG, VideoLinearCFGGuidance, Perturbed-Attention Guidance and Epsilon Scaling leave
functions on a MODEL, and the samplers called ..._cfg_pp bring one along. They know of two branches, cond and
uncond, and of the guided result uncond + scale * (cond - uncond). KeyFace's guidance in those terms:

- cond is the branch that sees everything;
- uncond is what guidance leads away from: under autoguidance the reduced network's result, under split
  guidance the mixture of the other branches which makes the equation hold with the larger scale;
- without guidance (scales of 1) uncond is the first branch for those who ask for it, as the samplers do, and
  cond for everybody else; where there is no other branch it is always cond.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import comfy.model_management as mm
import comfy.samplers
import torch
from comfy.model_base import BaseModel

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.batching import is_out_of_memory
from ..keyface_lib.method.timeline import SLOTS

PRE, INSTEAD, POST = "sampler_pre_cfg_function", "sampler_cfg_function", "sampler_post_cfg_function"
"""Where a MODEL's options keep functions before, in place of, and after the guided sum."""
_WANTS_UNCOND = "disable_cfg1_optimization"


@dataclass(frozen=True)
class AsCFG:
    """A guidance as uncond + scale * (cond - uncond).

    Attributes:
        scale: of the guidance.
        uncond: weights of the branches; cond is the last branch alone.
    """

    scale: float
    uncond: tuple[float, ...]


def as_cfg(weights: Sequence[float]) -> AsCFG | None:
    """The weights of a sum of branches, which are 1 together, as `AsCFG`; None where nothing guides."""
    scales = accumulate(reversed(weights[1:]))  # split guidance: audio, identity; autoguidance: its own
    scale = max(scales, key=lambda scale: abs(scale - 1), default=1.0)
    if abs(scale - 1) < 1e-9:
        return None
    *others, full = weights
    return AsCFG(scale, tuple(weight / (1 - scale) for weight in (*others, full - scale)))


def uncond_weights(weights: Sequence[float], options: dict) -> AsCFG:
    """The guidance as the functions in a MODEL's `options` see it; see the module."""
    guidance = as_cfg(weights)
    if guidance is not None:
        return guidance
    branch = 0 if options.get(_WANTS_UNCOND) else len(weights) - 1
    return AsCFG(1.0, tuple(float(index == branch) for index in range(len(weights))))


def has_functions(options: dict) -> bool:
    """Whether there is anything to run."""
    return any(options.get(place) for place in (PRE, INSTEAD, POST))


def require_meaning(options: dict) -> None:
    """Refuses what cannot mean anything here, and would do nothing or harm without a word.

    Raises:
        KeyFaceError: Context Windows, EasyCache or LazyCache, or another way of calling the network.
    """
    cache = options.get("transformer_options", {}).get("easycache")
    if options.get("context_handler") is not None:
        raise KeyFaceError(
            "Context Windows has no meaning for KeyFace, which samples clips of any length in windows of its "
            "own; connect the MODEL without it"
        )
    if cache is not None:
        raise KeyFaceError(
            f"{getattr(cache, 'name', 'EasyCache')} cannot be used: it would take one part of a clip for "
            "another; connect the MODEL without it"
        )
    if "sampler_calc_cond_batch_function" in options:
        raise KeyFaceError(
            f"{_owner(options['sampler_calc_cond_batch_function'])} calls the network in its own way, which "
            "KeyFace's guidance has no place for; connect the MODEL without it"
        )


def guided(
    model: BaseModel,
    x: torch.Tensor,
    timestep: torch.Tensor,
    denoised: tuple[torch.Tensor, torch.Tensor],
    scale: float,
    conds: list,
    options: dict,
) -> torch.Tensor:
    """The guided result after all functions in `options`.

    Args:
        x: (frames, 4, h, w), whole sequences of 14.
        denoised: of cond and uncond, each like `x`.
        conds: what both branches see, for functions that call the network once more; None for an uncond that
            is cond.

    Raises:
        KeyFaceError: a function fails, as one may that expects another network.
    """
    for function in options.get(PRE, []):
        arguments = {
            "conds": conds,
            "conds_out": list(denoised),
            "cond_scale": scale,
            "timestep": timestep,
            "input": x,
            "sigma": timestep,
            "model": model,
            "model_options": options,
        }
        denoised = _in_words(function)(arguments)
    named = {**options, POST: [_in_words(function) for function in options.get(POST, [])]}
    if INSTEAD in options:
        named[INSTEAD] = _by_sequence(_in_words(options[INSTEAD]))
    cond, uncond = denoised[:2]
    return comfy.samplers.cfg_function(
        model, cond, uncond, scale, x, timestep, model_options=named, cond=conds[0], uncond=conds[1]
    )


def _by_sequence(function: Callable[[dict], torch.Tensor]) -> Callable[[dict], torch.Tensor]:
    """Calls a function sequence by sequence: some let the scale rise along what they take for one clip."""

    def call(arguments: dict) -> torch.Tensor:
        frames = len(arguments["input"])
        parts = [
            {
                name: value[first : first + SLOTS]
                if isinstance(value, torch.Tensor) and value.ndim and len(value) == frames
                else value
                for name, value in arguments.items()
            }
            for first in range(0, frames, SLOTS)
        ]
        return torch.cat([function(part) for part in parts])

    return call


def _in_words(function: Callable[[dict], object]) -> Callable[[dict], object]:
    """A function of another node whose failure is told in a line that names the node."""

    def call(arguments: dict) -> object:
        try:
            return function(arguments)
        except (KeyFaceError, mm.InterruptProcessingException):
            raise
        except Exception as error:  # whatever another pack's code runs into
            if is_out_of_memory(error):
                raise
            reason = " ".join(str(error).split())
            raise KeyFaceError(
                f"{_owner(function)} does not work with KeyFace ({type(error).__name__}: {reason}); connect "
                "the MODEL without it"
            ) from error

    return call


def _owner(function: Callable) -> str:
    """The class whose node left a function on the MODEL, as far as its name says."""
    return getattr(function, "__qualname__", type(function).__name__).split(".")[0]
