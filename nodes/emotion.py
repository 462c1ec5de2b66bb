"""What the face feels over time."""

import base64

import numpy as np
import torch
from comfy_api.latest import io

from ..keyface_lib.audio.peaks import peaks_of
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.emotion import NAMED_STATES, EmotionCurve, Point, named
from ..keyface_lib.method.emotion_text import parse_text
from ..keyface_lib.method.timeline import FPS, SAMPLE_RATE
from ..keyface_lib.method.values import real
from . import edges
from .audio import waveform_of
from .compat import found_by, where_known
from .node_text import remark

Emotion = io.Custom("KEYFACE_EMOTION")
edges.carries("KEYFACE_EMOTION", EmotionCurve, "Emotion Curve")
FPS_BOUNDS = (0.01, 1000.0)
_OUTPUT = Emotion.Output(
    "emotion", display_name="emotion", tooltip="Valence and arousal over time, for the Keyframe Sampler."
)


class EmotionFromText(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceEmotionCurve",
            display_name="Emotion Curve",
            category="KeyFace",
            **found_by("feelings over time", "valence arousal"),
            description="Valence and arousal as curves over time.",
            inputs=[
                io.String.Input(
                    "curve",
                    default="0:neutral 2:happy",
                    multiline=True,
                    dynamic_prompts=False,
                    tooltip="Second and feeling, such as 0:neutral 2.5:happy*0.8 6:(-0.4,0.9); or JSON. "
                    "The help page lists the named feelings.",
                ),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The recording the curve belongs to: the editor draws it, and points behind "
                    "its end are named.",
                ),
            ],
            outputs=[_OUTPUT],
            **where_known(has_intermediate_output=True),  # for the editor, in cached runs too
        )

    @classmethod
    def validate_inputs(cls, curve: str | None = None) -> bool | str:
        if curve is None:  # it comes over a link
            return True
        try:
            parse_text(curve)
        except KeyFaceError as error:
            return str(error)
        return True

    @classmethod
    @edges.checked
    def execute(cls, curve: str, audio: dict | None = None) -> io.NodeOutput:
        emotion = parse_text(curve)
        if audio is None:
            return io.NodeOutput(emotion)
        _name_points_behind(emotion, audio["waveform"].shape[-1] / audio["sample_rate"])
        return io.NodeOutput(emotion, ui={"keyface_sound": [_shown(audio)]})


class EmotionPreset(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceEmotionPreset",
            display_name="Emotion Preset",
            category="KeyFace",
            **found_by("mood"),
            description="One named feeling from beginning to end.",
            inputs=[
                io.Combo.Input(
                    "state", options=list(NAMED_STATES), default="neutral", tooltip="How the face feels."
                ),
                io.Float.Input(
                    "intensity",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="1 as named, 0 neutral, 1.5 accentuated.",
                ),
            ],
            outputs=[_OUTPUT],
        )

    @classmethod
    @edges.checked
    def execute(cls, state: str, intensity: float) -> io.NodeOutput:
        return io.NodeOutput(named(state, intensity))


class EmotionFromValues(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        lists = [io.Custom("FLOATS")]
        return io.Schema(
            node_id="KeyFaceEmotionFromValues",
            display_name="Emotion from Values",
            category="KeyFace",
            **found_by("valence arousal"),
            description="Valence and arousal as numbers: one for the whole clip, or a list of one per "
            "frame from any other pack.",
            is_input_list=True,
            inputs=[
                io.MultiType.Input(
                    io.Float.Input("valence", default=0.0, min=-1.0, max=1.0, step=0.01),
                    types=lists,
                    tooltip="From -1, unpleasant, to 1, pleasant.",
                ),
                io.MultiType.Input(
                    io.Float.Input("arousal", default=0.0, min=-1.0, max=1.0, step=0.01),
                    types=lists,
                    tooltip="From -1, sleepy, to 1, excited.",
                ),
                io.Float.Input(
                    "fps",
                    default=float(FPS),
                    min=FPS_BOUNDS[0],
                    max=FPS_BOUNDS[1],
                    step=0.01,
                    tooltip="How many values of a list make a second; KeyFace's videos have 25 frames.",
                ),
            ],
            outputs=[_OUTPUT],
        )

    @classmethod
    @edges.checked
    def execute(cls, valence: list, arousal: list, fps: list) -> io.NodeOutput:
        rate = real("fps", fps[0], *FPS_BOUNDS)
        return io.NodeOutput(EmotionCurve(_lane("valence", valence, rate), _lane("arousal", arousal, rate)))


def _lane(name: str, values: list, fps: float) -> tuple[Point, ...]:
    """A lane of one point a value. ComfyUI wraps what it gets, a number or a list, into a list."""
    flat = [number for value in values for number in _numbers(value)]
    if not flat:
        raise KeyFaceError(f"the list of {name} values is empty; connect at least one value")
    return tuple(
        Point(index / fps, real(f"{name} at {index / fps:g} s", value, -1, 1), "linear")
        for index, value in enumerate(flat)
    )


def _numbers(value: object) -> list:
    """A number, or a list, tensor or array of them along one axis, as a list."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = value.tolist()
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _name_points_behind(emotion: EmotionCurve, seconds: float) -> None:
    """Says so where a curve goes on after its recording has ended; the points are left as they are."""
    last = max((lane[-1].seconds for lane in (emotion.valence, emotion.arousal) if lane), default=0.0)
    if last > seconds:
        remark(
            f"the emotion curve has a point at {last:g} s and the audio ends at {seconds:.2f} s: what lies "
            "behind its end is not seen"
        )


def _shown(audio: dict) -> dict:
    """What the editor draws of a sound: its length and the peaks of every frame as signed bytes."""
    waveform = waveform_of(audio)
    peaks = peaks_of(waveform).mul(127).round().clamp(-127, 127).to(torch.int8)
    encoded = base64.b64encode(peaks.numpy().tobytes()).decode()
    return {"seconds": len(waveform) / SAMPLE_RATE, "peaks": encoded}
