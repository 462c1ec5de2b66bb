"""The noise levels KeyFace was made with."""

from comfy_api.latest import io

from ..keyface_lib.method.schedule import align_your_steps
from . import edges, inputs
from .compat import found_by


class AYSSchedule(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceAYSSchedule",
            display_name="AYS Schedule (KeyFace)",
            category="KeyFace",
            **found_by("align your steps", "sigmas"),
            description="Align-Your-Steps noise levels for Stable Video Diffusion, down to 0.002 and then 0; "
            "ComfyUI's own AlignYourStepsScheduler leaves 0.002 out.",
            inputs=[inputs.steps()],
            outputs=[io.Sigmas.Output("sigmas", display_name="sigmas", tooltip="For SamplerCustomAdvanced.")],
        )

    @classmethod
    @edges.checked
    def execute(cls, steps: int) -> io.NodeOutput:
        return io.NodeOutput(align_your_steps(steps).float())
