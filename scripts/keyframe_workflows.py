"""The bundled workflows in which keyframes are looked at, edited, pinned and rolled again."""

from workflow import Workflow
from workflow_parts import created, described, heard, interpolation, keyframes, render, start


def two_stage() -> Workflow:
    workflow = described(
        "two_stage",
        "Edit the keyframes",
        "# Keyframes you can edit\nKeyframes, half a second apart, are ordinary pictures: here they pass "
        "through *Sharpen*; a face restorer or a brush fits as well. The frames between them are then filled "
        "in. Keep their number and order.",
    )
    start(workflow)
    heard(workflow)
    curve = "0:neutral 2:happy 5:calm"
    workflow.add("emotion", "KeyFaceEmotionCurve", ("Feel", 2, 1), curve=curve, audio="speech.AUDIO")
    keyframes(workflow)
    workflow.add("decoded", "VAEDecode", ("Edit", 0, 2), samples="keyframes.keyframes", vae="models.vae")
    workflow.add(
        "edited",
        "ImageSharpen",
        ("Edit", 1, 2),
        "Edit the keyframes",
        image="decoded.IMAGE",
        sharpen_radius=1,
        alpha=0.3,
    )
    workflow.add("look", "PreviewImage", ("Edit", 2, 2), images="edited.IMAGE")
    workflow.add("encoded", "VAEEncode", ("Edit", 2, 2), pixels="edited.IMAGE", vae="models.vae")
    interpolation(workflow, "encoded.LATENT", ("Frames", 3, 2))
    workflow.add("images", "KeyFaceDecodeFrames", ("Frames", 4, 2), frames="frames.frames", vae="models.vae")
    created(workflow, "images.images", 5, 2)
    return workflow


def repair() -> Workflow:
    workflow = described(
        "repair",
        "Repair one keyframe and interpolate",
        "# Repair one keyframe\nLook at the keyframes, write the number or second of a bad one into *Re-roll "
        "Keyframes* and try other seeds: all others stay exactly as they are. *Pin Keyframes* in its place "
        "does the opposite: what it names stays, the rest is made anew.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state="happy", intensity=0.7)
    keyframes(workflow)
    _look(workflow, "before", "keyframes.keyframes", 4, "Before")
    workflow.add(
        "reroll", "KeyFaceRerollKeyframes", ("Edit", 4, 0), keyframes="keyframes.keyframes", which="7", seed=1
    )
    keyframes(workflow, "again", ("Edit", 5, 0), "reroll.pinned")
    _look(workflow, "after", "again.keyframes", 5, "After")
    interpolation(workflow, "again.keyframes", ("Frames", 6, 0))
    render(workflow, "frames.frames", 7, 0)
    return workflow


def retouch() -> Workflow:
    workflow = described(
        "retouch",
        "Retouch a keyframe and pin it",
        "# Retouch a keyframe\nThe pictures of the keyframes pass through *Sharpen*, in whose place any "
        "editor fits. *Images to Keyframes* takes back the chosen one, *Pin Keyframes* keeps it and those "
        "far from it, and the second *Keyframe Sampler* makes its neighbours fit to it.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state="happy", intensity=0.7)
    keyframes(workflow)
    _look(workflow, "before", "keyframes.keyframes", 3, "Before")
    workflow.add(
        "edited",
        "ImageSharpen",
        ("Edit", 4, 0),
        "Retouch",
        image="before.images",
        sharpen_radius=1,
        alpha=0.3,
    )
    workflow.add(
        "retouched",
        "KeyFaceImagesToKeyframes",
        ("Edit", 4, 0),
        images="edited.IMAGE",
        vae="models.vae",
        originals="keyframes.keyframes",
        which="7",
    )
    pinned = "0-5, 7, 9-13"
    workflow.add("pin", "KeyFacePinKeyframes", ("Edit", 4, 0), keyframes="retouched.keyframes", which=pinned)
    keyframes(workflow, "again", ("Edit", 5, 0), "pin.pinned")
    _look(workflow, "after", "again.keyframes", 5, "After")
    interpolation(workflow, "again.keyframes", ("Frames", 6, 0))
    render(workflow, "frames.frames", 7, 0)
    return workflow


def _look(workflow: Workflow, name: str, source: str, column: int, title: str) -> None:
    place = ("Look", column, 1)
    workflow.add(name, "KeyFaceKeyframesToImages", place, title, keyframes=source, vae="models.vae")
