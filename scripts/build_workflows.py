"""Writes the bundled workflows and the blueprint, for the editor and in API format.

    python scripts/build_workflows.py http://127.0.0.1:8188 http://127.0.0.1:8189

needs a running ComfyUI 0.3.64 with the pack and a running newer one. Node definitions come from the servers,
so that sockets and widgets are those of the real nodes; from the oldest ComfyUI the pack runs on, so that
newer ones read them too, and only those that it does not have from the second.
"""

import json
import sys
import urllib.request
from pathlib import Path

from blueprint import full_frame, talking_portrait
from keyframe_workflows import repair, retouch, two_stage
from whole_picture_workflows import enlarged_face, two_people, whole_photo
from workflow import Workflow
from workflow_parts import (
    MODELS,
    RELEASED,
    animated,
    created,
    described,
    heard,
    interpolation,
    keyframes,
    render,
    start,
    timeline,
    upscaled,
)

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "workflows"


def simple() -> Workflow:
    workflow = described(
        "simple",
        "Portrait and voice to video",
        "# Portrait + voice = video\nChoose a picture and a recording, pick a feeling, run.",
    )
    start(workflow)
    animated(workflow)
    labels = {
        ("portrait", "image"): "portrait",
        ("speech", "audio"): "recording",
        ("emotion", "state"): "feeling",
        ("emotion", "intensity"): "how strong",
    }
    workflow.show_as_app(labels, ["save"])
    return workflow


def released() -> Workflow:
    workflow = described(
        "released",
        "Photographs with the released weights",
        "# Photographs\nNeeds KeyFace's released weights, by their own names. ComfyUI lists what is missing "
        "when this opens, with links.",
        RELEASED,
    )
    start(workflow)
    animated(workflow)
    workflow.nodes["portrait"].widgets["image"] = "keyface_portrait.jpg"
    roles = ("keyframe", "interpolation", "reduced", "vae")
    for loader, kind, names in (
        ("models", "KeyFaceLoadModels", roles),
        ("encoders", "KeyFaceLoadAudioEncoders", ("wavlm", "beats", "wav2vec2")),
    ):
        files = [entry["name"] for entry in MODELS[kind]]
        workflow.nodes[loader].widgets |= dict(zip(names, files, strict=True))
    return workflow


def smooth() -> Workflow:
    workflow = described(
        "smooth",
        "Fifty frames a second",
        "# 50 frames a second\nKeyFace makes 25 frames a second; ComfyUI's own frame interpolation puts one "
        "more between every two, and the sound stays in time. Needs a ComfyUI that has the node *Run Frame "
        "Interpolation Model*, and its model in `models/frame_interpolation`.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state="happy", intensity=0.7)
    keyframes(workflow)
    interpolation(workflow)
    workflow.add("images", "KeyFaceDecodeFrames", ("Frames", 5, 0), frames="frames.frames", vae="models.vae")
    workflow.add(
        "between", "FrameInterpolationModelLoader", ("Load", 1, 1), model_name="rife_v4.26.safetensors"
    )
    workflow.add(
        "smooth",
        "FrameInterpolate",
        ("Smooth", 6, 0),
        interp_model="between.INTERP_MODEL",
        images="images.images",
        multiplier=2,
    )
    created(workflow, "smooth.IMAGE", 7, 0, fps=50.0)
    return workflow


def emotion_change() -> Workflow:
    workflow = described(
        "emotion_change",
        "A change of feeling",
        "# A change of feeling\nDrag the points of the emotion curve, or write *second:feeling* into it: "
        "`0:calm 2.5:surprised 4:happy*0.8`; `6:(-0.4,0.9)` is valence and arousal. The timeline shows what "
        "comes when.",
    )
    start(workflow)
    heard(workflow)
    curve = "0:sad 2:neutral 3.5:surprised 5:happy"
    workflow.add("emotion", "KeyFaceEmotionCurve", ("Feel", 2, 1), curve=curve, audio="speech.AUDIO")
    keyframes(workflow)
    timeline(workflow)
    interpolation(workflow)
    render(workflow)
    return workflow


def driven() -> Workflow:
    workflow = described(
        "driven",
        "A feeling from a video",
        "# A feeling from a video\n*Emotion from Video* reads valence and arousal off a filmed face. Its "
        "button *Edit this curve* hands them to an *Emotion Curve*, where points can be dragged. Needs ONNX "
        "Runtime and an HSEmotion model in `models/keyface`; the node says which.",
    )
    start(workflow)
    workflow.add("film", "LoadVideo", ("Load", 0, 2), file="keyface_video_feeling.mp4")
    workflow.add("emotion", "KeyFaceEmotionFromVideo", ("Feel", 2, 1), video="film.VIDEO")
    animated(workflow, feeling=None)
    return workflow


def performed() -> Workflow:
    workflow = described(
        "performed",
        "Head motion and expression",
        "# How much it moves\n*Motion and Expression* on the keyframe model sets how much the head moves "
        "and how strongly the feeling shows; 1 is as trained, 0 holds still. `silence_gate` closes the mouth "
        "where a noisy recording says nothing.",
    )
    start(workflow)
    workflow.add(
        "performs",
        "KeyFaceMotionAndExpression",
        ("Feel", 2, 1),
        model="models.keyframe",
        head_motion=1.5,
        expression=1.4,
    )
    animated(workflow, model="performs.model")
    workflow.nodes["animate"].widgets["silence_gate"] = True
    return workflow


def advanced() -> Workflow:
    workflow = described(
        "advanced",
        "Your own sampler and schedule",
        "# Any sampler, any noise levels\nThe guiders drive ComfyUI's own *SamplerCustomAdvanced*. *AYS "
        "Schedule* has the noise levels KeyFace was made with.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionFromValues", ("Feel", 2, 1), valence=0.6, arousal=0.3)
    workflow.add("sampler", "KSamplerSelect", ("Sampler", 3, 1), sampler_name="euler")
    workflow.add("sigmas", "KeyFaceAYSSchedule", ("Sampler", 3, 1))
    workflow.add(
        "keyframe_guider",
        "KeyFaceKeyframeGuider",
        ("Keyframes", 3, 0),
        model="models.keyframe",
        vae="models.vae",
        portrait="portrait.IMAGE",
        features="features.features",
        emotion="emotion.emotion",
        scales="from the model",
    )
    _custom_sampler(workflow, "windows", "keyframe_guider", ("Keyframes", 4, 0))
    workflow.add(
        "keyframes",
        "KeyFaceSelectKeyframes",
        ("Keyframes", 5, 0),
        windows="windows.output",
        features="features.features",
    )
    workflow.add(
        "interpolation_guider",
        "KeyFaceInterpolationGuider",
        ("Frames", 3, 2),
        model="models.interpolation",
        reduced="models.reduced",
        keyframes="keyframes.keyframes",
        features="features.features",
        scales="from the model",
    )
    _custom_sampler(workflow, "frames", "interpolation_guider", ("Frames", 4, 2))
    render(workflow, "frames.output", 5, 2)
    return workflow


def _custom_sampler(workflow: Workflow, name: str, guider: str, place: tuple[str, int, int]) -> None:
    workflow.add(
        name,
        "SamplerCustomAdvanced",
        place,
        noise=f"{guider}.noise",
        guider=f"{guider}.guider",
        sampler="sampler.SAMPLER",
        sigmas="sigmas.sigmas",
        latent_image=f"{guider}.latent",
    )


def upscale() -> Workflow:
    workflow = described(
        "upscale",
        "Larger pictures",
        "# Larger pictures\nEvery frame goes through an upscale model before it becomes video. Put one into "
        "`models/upscale_models`.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state="confident")
    keyframes(workflow)
    interpolation(workflow)
    upscaled(workflow)
    created(workflow, "larger.IMAGE", 7, 0)
    return workflow


def long_audio() -> Workflow:
    workflow = described(
        "long_audio",
        "Minutes and hours",
        "# Minutes and hours\n*Render Video* writes frames into the video while they are decoded: an hour "
        "takes no more memory than a minute. Every stage is kept: changing the quality of the video samples "
        "nothing again. *fp8* weights help on small cards.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state="calm")
    keyframes(workflow)
    timeline(workflow)
    interpolation(workflow)
    render(workflow)
    workflow.nodes["video"].widgets["crf"] = 20
    return workflow


WORKFLOWS = (
    *(simple, released, whole_photo, two_people, two_stage, repair, retouch),
    *(emotion_change, driven, performed, advanced, upscale, enlarged_face, smooth, long_audio),
)


def main() -> None:
    definitions: dict = {}
    for server in sys.argv[1:]:
        with urllib.request.urlopen(f"{server}/object_info") as response:
            definitions = json.load(response) | definitions
    contents = {}
    for blueprint in (talking_portrait(definitions), full_frame(definitions)):
        (subgraph,) = blueprint["definitions"]["subgraphs"]
        contents[ROOT / "subgraphs" / f"{subgraph['name']}.json"] = blueprint
    for build in WORKFLOWS:
        workflow = build()
        contents[FOLDER / f"{workflow.title}.json"] = workflow.editor(definitions)
        contents[FOLDER / "api" / f"{workflow.name}.json"] = workflow.api(definitions)
    for path, content in contents.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
