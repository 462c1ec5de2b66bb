"""Which keyframes stay as they are when they are sampled again."""

from comfy_api.latest import io

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.keyframe_text import ALL, chosen_keyframes, parse_choice
from . import edges, inputs, latents
from .compat import found_by
from .node_text import show


def which(what: str, default: str = "0") -> io.Input:
    """The text that names keyframes."""
    return io.String.Input(
        "which",
        default=default,
        tooltip=f"{what}: numbers from 0 on and seconds, as Keyframes to Images shows them, such as "
        "3, 7-9 or 4.2s, 6s-7s; or all.",
    )


def unreadable(text: str | None) -> str | bool:
    """What is wrong with a text that names keyframes, for `validate_inputs`; True for nothing.

    One that comes over a link is None until it runs.
    """
    try:
        if text is not None and text.strip().lower() != ALL:
            parse_choice(text)
    except KeyFaceError as error:
        return str(error)
    return True


def numbered(numbers: set[int]) -> str:
    """Keyframe numbers in words."""
    return ", ".join(map(str, sorted(numbers))) or "none"


def _keyframes() -> io.Input:
    return io.Latent.Input("keyframes", tooltip="From a Keyframe Sampler or Images to Keyframes.")


def _output() -> io.Output:
    return io.Latent.Output(
        "pinned",
        display_name="pinned",
        tooltip="The same latents with a noise mask, for the pinned input of a Keyframe Sampler.",
    )


class PinKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFacePinKeyframes",
            display_name="Pin Keyframes",
            category="KeyFace",
            **found_by("inpaint", "noise mask", "keep keyframes"),
            description="Keeps some keyframes exactly as they are; a Keyframe Sampler makes the others anew, "
            "fitting to them.",
            inputs=[_keyframes(), which("The keyframes that stay")],
            outputs=[_output()],
        )

    @classmethod
    def validate_inputs(cls, which: str | None = None) -> str | bool:
        return unreadable(which)

    @classmethod
    @edges.checked
    def execute(cls, keyframes: dict, which: str) -> io.NodeOutput:
        latents.require(keyframes, "keyframes", latents.KEYFRAMES)
        kept = chosen_keyframes(which, len(keyframes["samples"]))
        show(f"kept: {numbered(kept)}")
        return io.NodeOutput(latents.with_kept(keyframes, kept))


class RerollKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceRerollKeyframes",
            display_name="Re-roll Keyframes",
            category="KeyFace",
            **found_by("inpaint", "noise mask", "variation", "repair keyframes"),
            description="Lets a Keyframe Sampler make some keyframes anew with another seed; all others stay "
            "exactly as they are.",
            inputs=[
                _keyframes(),
                which("The keyframes to make anew"),
                inputs.seed("attempt", 1, " The Keyframe Sampler takes it in place of its own."),
            ],
            outputs=[_output()],
        )

    @classmethod
    def validate_inputs(cls, which: str | None = None) -> str | bool:
        return unreadable(which)

    @classmethod
    @edges.checked
    def execute(cls, keyframes: dict, which: str, seed: int) -> io.NodeOutput:
        latents.require(keyframes, "keyframes", latents.KEYFRAMES)
        everything = set(range(len(keyframes["samples"])))
        again = chosen_keyframes(which, len(everything))
        show(f"made anew with seed {seed}: {numbered(again)}")
        return io.NodeOutput(latents.with_kept(keyframes, everything - again, seed))
