"""How a face performs, noted on the keyframe MODEL, where every KeyFace guider finds it."""

from dataclasses import dataclass

from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from ..keyface_lib.method.values import MAX_STRENGTH
from . import edges
from .compat import found_by
from .network import trained_of
from .node_text import show

_OPTION = "keyface_performance"
"""Entry of a MODEL's options, which clones of the MODEL keep."""


@dataclass(frozen=True)
class Performance:
    """Strengths from 0 to 2; 1 is as the network was trained (see `method.performance`)."""

    head_motion: float = 1.0
    expression: float = 1.0

    @property
    def said(self) -> str:
        """What is not as trained, in words, each with a comma before it."""
        named = (("head motion", self.head_motion), ("expression", self.expression))
        return "".join(f", {name} {strength:g}" for name, strength in named if strength != 1)


AS_TRAINED = Performance()


def performance_of(model: ModelPatcher) -> Performance:
    """What a keyframe MODEL carries; as trained where no node put anything on it."""
    return model.model_options.get(_OPTION, AS_TRAINED)


def _strength(id: str, tooltip: str) -> io.Input:
    return io.Float.Input(id, default=1.0, min=0.0, max=MAX_STRENGTH, step=0.05, tooltip=tooltip)


class MotionAndExpression(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceMotionAndExpression",
            display_name="Motion and Expression",
            category="KeyFace",
            **found_by("still head", "head motion", "emotion strength", "pose"),
            description="Sets how much the head moves and how strongly feelings show, for every sampler and "
            "guider that takes this keyframe model.",
            inputs=[
                io.Model.Input("model", tooltip="The keyframe model."),
                _strength(
                    "head_motion",
                    "How much the head moves: 0 keeps it still, 1 is as trained, up to 2 is more. The mouth "
                    "follows the sound at any value.",
                ),
                _strength(
                    "expression",
                    "How strongly the feelings of the emotion input show: 0 not at all, 1 as trained, up to "
                    "2 more. Above 1 keyframes take one more network call a step.",
                ),
            ],
            outputs=[
                io.Model.Output(
                    "performing_model",
                    display_name="model",
                    tooltip="The keyframe model, which now performs like this.",
                )
            ],
        )

    @classmethod
    @edges.checked
    def execute(cls, model: ModelPatcher, head_motion: float, expression: float) -> io.NodeOutput:
        trained_of(model, "keyframe")
        performance = Performance(head_motion, expression)
        model = model.clone()
        model.model_options[_OPTION] = performance
        show(performance.said.removeprefix(", ") or "as trained")
        return io.NodeOutput(model)
