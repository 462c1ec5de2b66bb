"""Faces in larger pictures on the real server: framed, animated and laid back."""

import av
import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import recorded

from host.prompts import node_of, only, read_workflow
from keyface_lib.portrait.framing import Framing
from keyface_lib.portrait.pasting import Pasting

WIDTH, HEIGHT, BOX = 181, 121, (40, 30, 64, 64)


@pytest.fixture(scope="module")
def scene(host, tmp_path_factory) -> str:
    """A picture of colours that change slowly, with odd sides."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    colours = np.stack(
        [120 + 60 * np.sin(x / 40), 128 + 50 * np.cos(y / 30), 140 + 40 * np.sin((x + y) / 50)]
    )
    path = tmp_path_factory.mktemp("scene") / "scene.png"
    Image.fromarray(colours.transpose(1, 2, 0).round().astype(np.uint8)).save(path)
    return host.input(path)


@pytest.fixture(scope="module")
def speech(host, tmp_path_factory) -> str:
    return host.input(recorded(tmp_path_factory.mktemp("speech") / "short.wav", 0.5))


def framed(scene: str, speech: str, **values) -> dict:
    """The template of one node, with the scene's face framed between picture and animation."""
    prompt = read_workflow("simple", steps=1, image=scene, audio=speech)
    loader, animate = node_of(prompt, "LoadImage"), node_of(prompt, "KeyFaceAnimate")
    inputs = {"which": "largest", "number": 1, "x": 0.5, "y": 0.5, "margin": 1.0, "offset": 0.0, "size": 64}
    prompt["90"] = {
        "class_type": "KeyFaceFrameFace",
        "inputs": {"pictures": [loader, 0], **inputs, "frame": 0, **values},
    }
    prompt[animate]["inputs"] |= {"portrait": ["90", 0], "framing": ["90", 1]}
    return prompt


def shown(host, result, prompt: dict) -> np.ndarray:
    """The frames of the saved video."""
    assert result.error is None, result.error
    saved = result.outputs[node_of(prompt, "SaveVideo")]
    (video,) = saved.get("images") or saved["video"]
    with av.open(str(host.output(video))) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_a_talking_face_comes_back_in_its_whole_picture(host, scene, speech):
    prompt = framed(scene, speech, box=", ".join(map(str, BOX)))
    frames = shown(host, host.run(prompt), prompt)
    assert frames.shape == (13, HEIGHT + 1, WIDTH + 1, 3)
    picture = np.asarray(Image.open(host.folder / "input" / scene)).astype(int)
    x, y, width, height = BOX
    away = np.ones((HEIGHT, WIDTH), bool)
    away[y - 8 : y + height + 8, x - 8 : x + width + 8] = False
    assert np.abs(frames[:, :HEIGHT, :WIDTH].astype(int) - picture)[:, away].mean() < 3
    inside = frames[:, y + 12 : y + height - 12, x + 12 : x + width - 12].astype(int)
    assert np.abs(inside - picture[y + 12 : y + height - 12, x + 12 : x + width - 12]).mean() > 10


def test_without_a_detector_the_central_square_is_taken_and_the_node_says_so(host, scene, speech):
    prompt = framed(scene, speech)
    result = host.run(only(prompt, "90"))
    assert result.error is None, result.error
    assert any("no face detector is installed" in text for text in result.texts("90"))
    assert result.outputs["90"]["images"]


def test_a_box_outside_of_the_picture_is_told_in_one_line(host, scene, speech):
    for box, said in (("900, 0, 50, 50", "outside the picture"), ("here", "write x, y, width and height")):
        error = host.run(only(framed(scene, speech, box=box), "90")).error
        assert said in error["exception_message"]


def pasted(scene: str, factor: float = 1.0) -> dict:
    """Frame, enlarge perhaps, paste back, save."""
    frame = framed(scene, "")["90"]["inputs"] | {"box": ", ".join(map(str, BOX)), "pictures": ["1", 0]}
    scale = {"image": ["2", 0], "upscale_method": "bicubic", "scale_by": factor}
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": scene}},
        "2": {"class_type": "KeyFaceFrameFace", "inputs": frame},
        "3": {"class_type": "ImageScaleBy", "inputs": scale},
        "4": {
            "class_type": "KeyFacePasteFace",
            "inputs": {"frames": ["3", 0], "framing": ["2", 1], "feather": 0.1, "match_colours": True},
        },
        "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "pasted"}},
    }


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_an_unchanged_square_pasted_back_is_the_picture(host, scene, factor):
    prompt = pasted(scene, factor)
    result = host.run(prompt)
    assert result.error is None, result.error
    (image,) = result.outputs["5"]["images"]
    made = np.asarray(Image.open(host.output(image))).astype(int)
    picture = np.asarray(Image.open(host.folder / "input" / scene)).astype(int)
    assert np.abs(made - picture).max() <= 1


def test_the_node_pastes_what_the_library_pastes(host, scene):
    """The square upside down, so that something is seen."""
    prompt = pasted(scene)
    prompt["3"] = {"class_type": "ImageRotate", "inputs": {"image": ["2", 0], "rotation": "180 degrees"}}
    if "ImageRotate" not in host.get("/object_info"):
        pytest.skip("this ComfyUI cannot turn pictures")
    result = host.run(prompt)
    assert result.error is None, result.error
    (image,) = result.outputs["5"]["images"]
    made = np.asarray(Image.open(host.output(image))).astype(int)
    picture = torch.from_numpy(np.asarray(Image.open(host.folder / "input" / scene)).copy())
    x, y, side, _ = BOX
    framing = Framing(x + side / 2, y + side / 2, side)
    square = picture[y : y + side, x : x + side].flip(0, 1)
    wanted = Pasting(picture, framing, side)(square).numpy().astype(int)
    assert np.abs(made - wanted).max() <= 1
