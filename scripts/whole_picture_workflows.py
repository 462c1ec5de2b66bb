"""The bundled workflows that start with a whole picture and give it back."""

from workflow import Workflow
from workflow_parts import (
    LEFT,
    RIGHT,
    SCENE,
    animated,
    created,
    described,
    framed,
    heard,
    interpolation,
    keyframes,
    loaded,
    models,
    person,
    saved,
    start,
    upscaled,
)


def whole_photo() -> Workflow:
    workflow = described(
        "whole_photo",
        "Talking photo, full frame",
        "# The whole photo, moving\n*Frame Face* cuts out the face's square, and *Animate* lays the moving "
        "face back: the video is the whole picture, 16:9 or any other shape. The square stands in `box`; "
        "clear it for your own picture and connect a mask, landmarks or boxes, or let a detector find it.",
    )
    start(workflow, SCENE)
    framed(workflow)
    animated(workflow, framing="framed.framing")
    return workflow


def two_people() -> Workflow:
    workflow = described(
        "two_people",
        "Two people talking",
        "# Two people, one picture\nEach has a recording, a feeling and a *Frame Face* of their own; who is "
        "silent hears *Empty Audio*. The first face is pasted into the picture, the second into the frames "
        "of the first.",
    )
    models(workflow)
    loaded(workflow, SCENE)
    workflow.add("first", "LoadAudio", ("Load", 1, 1), "Who speaks first", audio="keyface_speech.flac")
    workflow.add("second", "LoadAudio", ("Load", 1, 2), "Who answers", audio="keyface_speech_answer.flac")
    workflow.add("silence", "EmptyAudio", ("Load", 0, 2), "Listening", duration=6.7)
    listen = ("Listen", 2)
    workflow.add(
        "left_sound",
        "AudioConcat",
        (*listen, 1),
        "Speaks, listens",
        audio1="first.AUDIO",
        audio2="silence.AUDIO",
    )
    workflow.add(
        "right_sound",
        "AudioConcat",
        (*listen, 2),
        "Listens, answers",
        audio1="silence.AUDIO",
        audio2="second.AUDIO",
    )
    workflow.add(
        "sound",
        "AudioMerge",
        (*listen, 3),
        "Both voices",
        audio1="right_sound.AUDIO",
        audio2="left_sound.AUDIO",
        merge_method="add",
    )
    framed(workflow, "left_face", ("Left", 3, 0), pictures="portrait.IMAGE", box=LEFT)
    workflow.add("left_feels", "KeyFaceEmotionPreset", ("Left", 3, 0), state="happy", intensity=0.7)
    person(workflow, "left", 0)
    workflow.add(
        "left_images", "KeyFaceDecodeFrames", ("Left", 6, 0), frames="left_frames.frames", vae="models.vae"
    )
    workflow.add(
        "left_pasted",
        "KeyFacePasteFace",
        ("Left", 6, 0),
        frames="left_images.images",
        framing="left_face.framing",
    )
    framed(workflow, "right_face", ("Right", 3, 2), pictures="left_pasted.images", box=RIGHT)
    workflow.add("right_feels", "KeyFaceEmotionPreset", ("Right", 3, 2), state="surprised", intensity=0.5)
    person(workflow, "right", 2)
    workflow.add(
        "video",
        "KeyFaceRenderVideo",
        ("Video", 7, 2),
        frames="right_frames.frames",
        vae="models.vae",
        audio="sound.AUDIO",
        framing="right_face.framing",
    )
    saved(workflow, "video.video", 7, 2)
    return workflow


def enlarged_face() -> Workflow:
    workflow = described(
        "enlarged_face",
        "Enlarge the face and paste it back",
        "# Crop, animate, enlarge, paste back\nWhere the face is large in a large picture, its frames go "
        "through an upscale model, or a face restorer, before *Paste Face* lays them back. Put the model "
        "into `models/upscale_models`.",
    )
    start(workflow, SCENE)
    framed(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state="confident")
    keyframes(workflow, portrait="framed.portrait")
    interpolation(workflow)
    upscaled(workflow)
    workflow.add(
        "pasted", "KeyFacePasteFace", ("Paste", 7, 0), frames="larger.IMAGE", framing="framed.framing"
    )
    created(workflow, "pasted.images", 8, 0)
    return workflow
