"""Inputs that several nodes share, so that they read and behave alike."""

from comfy_api.latest import io

from .compat import where_inputs_know
from .network import AS_SET, FROM_MODEL
from .sampling import ALIGN_YOUR_STEPS, MAX_SEED, SAMPLERS, SCHEDULERS

ADVANCED = where_inputs_know(advanced=True)
"""Collapsed until asked for, where ComfyUI knows how."""


def features() -> io.Input:
    return io.Custom("KEYFACE_FEATURES").Input("features", tooltip="The sound, from Encode Audio.")


def emotion() -> io.Input:
    """Optional, in its old place: ComfyUI lists optional inputs behind the others, saved links go by name."""
    return io.Custom("KEYFACE_EMOTION").Input(
        "emotion", optional=True, tooltip="What the face feels over time; neutral by default."
    )


def seed(what: str, default: int = 0, also: str = "") -> io.Input:
    return io.Int.Input(
        "seed",
        default=default,
        min=0,
        max=MAX_SEED,
        control_after_generate=True,
        tooltip=f"Another number gives another {what}; the same one gives the same on any card." + also,
    )


def steps() -> io.Input:
    return io.Int.Input(
        "steps",
        default=10,
        min=1,
        max=100,
        tooltip="More steps are slower and finer. With align_your_steps, 10 is the table KeyFace was made "
        "with (11 noise levels).",
    )


def scale(id: str, default: float, tooltip: str) -> io.Input:
    return io.Float.Input(id, default=default, min=0.0, max=20.0, step=0.1, tooltip=tooltip)


def audio_scale() -> io.Input:
    return scale("audio_scale", 5.0, "How strongly the mouth follows the sound (split guidance).")


def identity_scale() -> io.Input:
    return scale("identity_scale", 2.0, "How strongly the face keeps to the portrait (split guidance).")


def autoguidance_scale() -> io.Input:
    return scale(
        "autoguidance_scale",
        2.0,
        "How far away from the reduced model's result; 1 is without guidance, faster.",
    )


def scales() -> io.Input:
    """Last in its node and optional: workflows from before it keep the numbers they were saved with."""
    return io.Combo.Input(
        "scales",
        options=[AS_SET, FROM_MODEL],
        default=AS_SET,
        optional=True,
        **ADVANCED,
        tooltip="Guidance by the numbers set here, or by those that the model's file recommends: audio 5 and "
        "identity 2 for the released model, 1 and 1 (no guidance, faster) for the small one.",
    )


def sampler() -> io.Input:
    return io.Combo.Input(
        "sampler",
        options=SAMPLERS,
        default="euler",
        **ADVANCED,
        tooltip="Any of ComfyUI's. KeyFace was made with euler.",
    )


def scheduler() -> io.Input:
    return io.Combo.Input(
        "scheduler",
        options=SCHEDULERS,
        default=ALIGN_YOUR_STEPS,
        **ADVANCED,
        tooltip="Noise levels. KeyFace was made with align_your_steps.",
    )


def silence_gate() -> io.Input:
    return io.Boolean.Input(
        "silence_gate",
        default=False,
        optional=True,
        tooltip="Keeps the mouth shut where nothing is said: room noise, hum and short breaths are not "
        "heard. Laughs and sighs are; the video's own sound stays as it is.",
    )


def framing(tooltip: str, optional: bool = False) -> io.Input:
    return io.Custom("KEYFACE_FRAMING").Input("framing", optional=optional, tooltip=tooltip)


def crf() -> io.Input:
    return io.Int.Input(
        "crf",
        default=17,
        min=0,
        max=51,
        **ADVANCED,
        tooltip="Quality of the video: 0 is best and largest, 17 looks lossless, 28 is small.",
    )
