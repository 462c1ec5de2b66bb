"""Every bundled workflow, run by the real server with tiny random models."""

import base64

import av
import pytest

from host.prompts import REFUSED, WORKFLOWS, node_of, read_workflow, skip_without_its_nodes

SECONDS = 6.683
"""Of the example recording: 168 frames, the last one filled in part."""
FRAMES = 168
CONVERSATION_S = 13.1
"""Of the template with two people: the silence of the second one and their recording."""
WHOLE_PICTURES = ("whole_photo", "two_people", "enlarged_face")


def probe(path) -> dict:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = sum(1 for _ in container.decode(video))
        return {
            "frames": frames,
            "fps": float(video.average_rate),
            "size": (video.width, video.height),
            "audio_s": float(audio.duration * audio.time_base),
        }


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name not in REFUSED])
def test_workflow_makes_its_video(host, name):
    skip_without_its_nodes(host, name)
    prompt = read_workflow(name, steps=1)
    result = host.run(prompt)
    assert result.error is None, result.error
    (saved,) = result.outputs[node_of(prompt, "SaveVideo")]["images"]
    found = probe(host.output(saved))
    assert (found["frames"], found["size"]) == (frames_of(name), size_of(name, side=64, enlarged=128))
    assert found["fps"] == pytest.approx(50 if name == "smooth" else 25)
    assert found["audio_s"] == pytest.approx(CONVERSATION_S if name == "two_people" else SECONDS, abs=0.06)


def frames_of(name: str) -> int:
    """Frames of the video that a bundled workflow makes; between the last frame and none there is none."""
    return {"two_people": 328, "smooth": 2 * FRAMES - 1}.get(name, FRAMES)


def size_of(name: str, side: int, enlarged: int) -> tuple[int, int]:
    """Of a bundled workflow's video: width and height."""
    if name in WHOLE_PICTURES:
        return 960, 540
    return (enlarged, enlarged) if name == "upscale" else (side, side)


def test_timeline_preview_is_a_picture_on_its_node(host):
    prompt = read_workflow("emotion_change", steps=1, curve="0:sad")
    result = host.run(prompt)
    (shown,) = result.outputs[node_of(prompt, "KeyFaceTimelinePreview")]["images"]
    assert host.output(shown).read_bytes().startswith(b"\x89PNG")


def test_the_editor_is_told_of_the_sound(host):
    # What no other test asks for: newer versions of ComfyUI do not repeat the results of cached nodes.
    prompt = read_workflow("emotion_change", steps=1, curve="0:calm 1:happy", threshold=0.77)
    result = host.run(prompt)
    (sound,) = result.outputs[node_of(prompt, "KeyFaceEmotionCurve")]["keyface_sound"]
    assert sound["seconds"] == pytest.approx(SECONDS, abs=0.01)
    assert len(base64.b64decode(sound["peaks"])) == 2 * FRAMES
    assert result.outputs[node_of(prompt, "KeyFaceEncodeAudio")]["keyface_vocalizations"] == []
