"""Portraits, recordings and feelings of every kind at Python's door; what is no number never is a frame."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import portrait, tiny_folder, tiny_keyface, voice

import keyface_lib.pipeline
from keyface_lib.audio import load_audio
from keyface_lib.cli import main
from keyface_lib.clip.material import feeling_of, picture_of, read_material, sound_of
from keyface_lib.clip.samplers import SAMPLERS, sample
from keyface_lib.clip.settings import Settings
from keyface_lib.errors import KeyFaceError
from keyface_lib.media.image import load_image
from keyface_lib.media.sound import Sound
from keyface_lib.method.emotion import EmotionCurve, constant
from keyface_lib.method.merging import to_bytes
from keyface_lib.method.tensors import check_finite, check_latents, check_tensor
from keyface_lib.pipeline import KeyFace

ASSETS = Path(__file__).parents[1] / "assets"
PORTRAIT, SPEECH = ASSETS / "portrait.jpg", ASSETS / "speech.flac"
NAN = float("nan")


def pixels(*shape: int, kind=np.uint8, high: float = 255) -> np.ndarray:
    return (np.random.default_rng(0).random(shape) * high).astype(kind)


def with_one_nan(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.clone(memory_format=torch.contiguous_format)
    tensor.flatten()[7] = NAN
    return tensor


def test_the_same_picture_as_file_pil_image_or_array_is_the_same_portrait(tmp_path):
    rgb = pixels(40, 30, 3)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    from_file = load_image(tmp_path / "a.png")
    rgba = np.dstack([rgb, np.full((40, 30), 255, np.uint8)])
    same = {
        "path": tmp_path / "a.png",
        "text": str(tmp_path / "a.png"),
        "PIL": Image.fromarray(rgb),
        "PIL, opened": Image.open(tmp_path / "a.png"),
        "uint8": rgb,
        "uint8 with transparency": rgba,
        "floats": rgb / 255,
        "floats of 32 bits": (rgb / 255).astype(np.float32),
        "uint16": rgb.astype(np.uint16) * 257,
        "reversed memory": np.asfortranarray(rgb),
        "a tensor": from_file,
        "a tensor of 64 bits": from_file.double(),
    }
    for kind, image in same.items():
        given = picture_of(image)
        assert given.shape == (3, 40, 30), kind
        assert given.dtype == torch.float32, kind
        assert (given - from_file).abs().max() < 1e-6, kind


def test_a_grey_picture_has_three_equal_channels():
    grey = pixels(40, 30)
    for image in (grey, grey[..., None], Image.fromarray(grey), grey / 255):
        given = picture_of(image)
        assert given.shape == (3, 40, 30)
        assert torch.equal(given[0], given[2])
        assert given[0] == pytest.approx(torch.from_numpy(grey / 127.5 - 1).float(), abs=1e-6)


def test_a_pil_image_is_turned_as_its_file_would_be(tmp_path):
    image = Image.fromarray(pixels(40, 30, 3))
    image.getexif()[0x0112] = 6
    image.save(tmp_path / "a.png", exif=image.getexif())
    assert torch.equal(picture_of(Image.open(tmp_path / "a.png")), load_image(tmp_path / "a.png"))
    assert picture_of(image).shape == (3, 30, 40)


WRONG_PICTURES = {
    "bytes as a tensor": (torch.zeros(3, 8, 8, dtype=torch.uint8), "uint8"),
    "whole numbers": (torch.zeros(3, 8, 8, dtype=torch.int64), "int64"),
    "0 to 255": (torch.rand(3, 8, 8) * 255, "[-1, 1]"),
    "one NaN": (with_one_nan(portrait()), "1 of"),
    "one infinity": (portrait() / torch.tensor(0.0), "NaN or infinite"),
    "a batch": (portrait()[None], "(1, 3, 80, 64)"),
    "no channels": (portrait()[0], "(80, 64)"),
    "four channels": (torch.zeros(4, 8, 8), "(4, 8, 8)"),
    "channels last": (torch.zeros(8, 8, 3), "(8, 8, 3)"),
    "no rows": (torch.zeros(3, 0, 8), "(3, 0, 8)"),
    "an array with channels first": (pixels(3, 40, 30), "channels last"),
    "an array of two channels": (pixels(40, 30, 2), "channels last"),
    "a batch as an array": (pixels(1, 40, 30, 3), "channels last"),
    "an empty array": (pixels(0, 30, 3), "channels last"),
    "an array of floats up to 255": (pixels(40, 30, 3, kind=np.float32), "[0, 1]"),
    "an array of floats below 0": (pixels(40, 30, 3, kind=np.float32, high=2) - 1, "[0, 1]"),
    "an array with NaN": (np.full((40, 30, 3), np.nan), "NaN or infinite"),
    "an array of int64": (pixels(40, 30, 3, kind=np.int64), "int64"),
    "an array of yes and no": (pixels(40, 30) > 9, "bool"),
    "an array of objects": (np.full((4, 4), None), "object"),
    "a PIL image of floats": (Image.fromarray(pixels(40, 30, kind=np.float32)), "floating point"),
    "nothing": (None, "picture is None"),
    "a list": ([[0]], "picture is [[0]]"),
    "bytes": (b"\x89PNG", "give a file"),
    "no such file": ("no.png", "no.png"),
    "a folder": (ASSETS, "is a folder"),
    "an empty name": ("", "empty"),
}


@pytest.mark.parametrize("wrong", WRONG_PICTURES)
def test_what_is_no_portrait_is_told_in_one_line_before_anything_is_computed(wrong):
    image, named = WRONG_PICTURES[wrong]
    refused(named, image=image)
    with pytest.raises(KeyFaceError):
        KeyFace(SimpleNamespace(image_size=64)).encode_portrait(image)


def test_a_little_beyond_the_range_is_taken_as_resizing_leaves_it():
    assert picture_of(portrait() * 1.3).shape == (3, 80, 64)
    assert picture_of(pixels(8, 8, 3, kind=np.float32, high=1.2)).max() == 1


def test_the_same_sound_in_any_kind_of_number_is_the_same_recording():
    sound = voice(1)
    for given in (sound, sound.double(), sound.numpy(), sound.numpy().astype(np.float64)):
        assert torch.equal(sound_of(given), sound)
    for bits in (16, 32):
        whole = (sound.double().numpy() * 2 ** (bits - 1)).round().astype(f"int{bits}")
        assert sound_of(whole) == pytest.approx(sound, abs=2 ** (1 - bits) + 1e-7)
    assert sound_of((sound.numpy() * 128 + 128).round().astype(np.uint8)) == pytest.approx(sound, abs=1 / 128)


def test_a_recording_of_any_rate_and_channels_is_heard_at_16_khz_and_kept_for_the_video():
    stereo = torch.stack([voice(2), voice(2)])
    material = read_material(portrait(), stereo, sample_rate=32_000)
    assert material.waveform.shape == (16_000,)
    assert torch.equal(material.sound, stereo)
    assert material.sound_rate == 32_000
    assert torch.equal(read_material(portrait(), stereo).waveform, stereo[0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_recording_from_a_pipe_is_heard_by_the_face_and_in_the_video(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(SPEECH.read_bytes(),))
    writer.start()
    material = read_material(portrait(), tmp_path / "pipe")
    writer.join()
    assert torch.equal(material.waveform, load_audio(SPEECH))
    for _ in range(2):
        sound = Sound(material.audio_path, 1)
        assert sound.rate == Sound(SPEECH, 1).rate
        assert (sound.read(1000) == Sound(SPEECH, 1).read(1000)).all()
    material.audio_path.close()


WRONG_SOUNDS = {
    "16 bits": (torch.zeros(800, dtype=torch.int16), {}, "int16"),
    "16 bits as floats": (torch.full((800,), 9000.0), {}, "[-1, 1]"),
    "one NaN": (with_one_nan(voice(1)), {}, "1 of"),
    "an infinity": (voice(1) / torch.tensor(0.0), {}, "NaN or infinite"),
    "no samples": (torch.zeros(0), {}, "(0,)"),
    "no channels": (torch.zeros(0, 800), {}, "(0, 800)"),
    "a batch": (torch.zeros(1, 1, 800), {}, "(1, 1, 800)"),
    "one number": (torch.tensor(0.5), {}, "()"),
    "samples first": (torch.zeros(800, 2), {}, "transpose"),
    "an array of int64": (np.zeros(800, np.int64), {}, "int64"),
    "an array of texts": (np.array(["a", "b"]), {}, "<U1"),
    "an array with NaN": (np.full(800, np.nan), {}, "NaN or infinite"),
    "nothing": (None, {}, "recording is None"),
    "a pair as soundfile gives it": ((voice(1), 16_000), {}, "give a file"),
    "no such file": ("no.wav", {}, "no.wav"),
    "a folder": (ASSETS, {}, "is a folder"),
    "an empty name": ("", {}, "empty"),
    "a picture": (PORTRAIT, {}, "portrait.jpg"),
    "no rate": (voice(1), {"sample_rate": 0}, "sample_rate is 0"),
    "a rate that is not a number": (voice(1), {"sample_rate": NAN}, "sample_rate is nan"),
    "a rate of gigahertz": (voice(1), {"sample_rate": 2 * 10**9}, "sample_rate is 2000000000"),
}


@pytest.mark.parametrize("wrong", WRONG_SOUNDS)
def test_what_is_no_recording_is_told_in_one_line_before_anything_is_computed(wrong):
    audio, options, named = WRONG_SOUNDS[wrong]
    refused(named, audio=audio, **options)
    if not options:
        with pytest.raises(KeyFaceError):
            KeyFace(SimpleNamespace(encoders={})).encode_audio(audio)


@pytest.mark.parametrize("emotion", ["hapy", "", "0:(2,0)", "no.json", ASSETS, 3, None, [0.5, 0.5]])
def test_what_is_no_feeling_is_told_in_one_line_before_anything_is_computed(emotion):
    refused("", emotion=emotion)


def test_a_feeling_is_a_curve_a_text_or_a_file(tmp_path):
    (tmp_path / "a.csv").write_text("seconds,valence,arousal\n0,0.5,0.25\n")
    curve = constant(0.5, 0.25)
    for given in (curve, "(0.5,0.25)", tmp_path / "a.csv", str(tmp_path / "a.csv")):
        assert feeling_of(given).sample(torch.zeros(1)) == curve.sample(torch.zeros(1))
    assert isinstance(feeling_of("happy"), EmotionCurve)


@pytest.mark.parametrize("wrong", [{"progress": 3}, {"audio_progress": "x"}, {"settings": {}}, {"batch": -3}])
def test_what_is_no_option_is_told_before_anything_is_read(wrong):
    refused("", **wrong)


def refused(named: str, **given) -> None:
    """Animating raises one line that names what is wrong, without touching a model."""
    keyface = KeyFace(SimpleNamespace(default_settings=Settings))
    inputs = {"image": portrait(), "audio": voice(0.1)} | given
    with pytest.raises(KeyFaceError) as error:
        keyface.animate(**inputs)
    text = str(error.value)
    assert named in text
    assert "\n" not in text
    assert len(text) < 500


def test_the_command_looks_at_all_it_is_given_before_it_loads_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(keyface_lib.pipeline, "load_models", lambda *_: pytest.fail("loaded"))
    (tmp_path / "broken.jpg").write_bytes(PORTRAIT.read_bytes()[:3000])
    (tmp_path / "notes.txt").write_text("not a sound")
    right = {"image": PORTRAIT, "audio": SPEECH, "-o": tmp_path / "a.mp4"}
    wrong = [
        ({"image": tmp_path / "broken.jpg"}, "broken.jpg"),
        ({"audio": tmp_path / "notes.txt"}, "notes.txt"),
        ({"--emotion": "hapy"}, "did you mean"),
        ({"--emotion": "no.csv"}, "no.csv"),
        ({"--device": "foo"}, "'foo'"),
        ({"-o": tmp_path / "a.xyz"}, "a.xyz"),
    ]
    for given, named in wrong:
        words = right | {"--model": tiny_folder()} | given
        places = [words.pop("image"), words.pop("audio")]
        assert (
            main(["animate", *map(str, [*places, *(word for pair in words.items() for word in pair)])]) == 1
        )
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert named in said[0]


def test_a_misspelt_feeling_costs_no_import_of_the_networks(tmp_path):
    program = f"""
import sys
from keyface_lib.cli import main
assert main(["animate", {str(PORTRAIT)!r}, {str(SPEECH)!r}, "-o", "a.mp4", "--emotion", "hapy"]) == 1
assert not {{"diffusers", "keyface_lib.networks.unet"}} & set(sys.modules)
"""
    here = os.environ | {"PYTHONPATH": str(ASSETS.parent)}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, text=True, capture_output=True, cwd=tmp_path, env=here)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_every_sampler_names_the_stage_and_the_first_step_that_is_not_a_number(sampler, bad):
    calls = []

    def denoise(x, sigma):
        calls.append(sigma)
        return x * 0 + bad if len(calls) == 7 else x / 2

    with pytest.raises(KeyFaceError, match="not a number after step 7 of the keyframes: try fp32"):
        sample(denoise, torch.randn(2, 14, 4, 2, 2), sampler, 10, "the keyframes")


def test_looking_for_numbers_does_not_wait_for_the_device_at_every_step(monkeypatch):
    asked = []
    for name in ("__bool__", "item", "tolist"):
        theirs = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda t, f=theirs, n=name: (asked.append(n), f(t))[1])
    sample(lambda x, sigma: x / 2, torch.randn(1, 14, 4, 2, 2), "euler", 40)
    assert len(asked) <= 3


def broken_at(stage: str, keyface: KeyFace, monkeypatch) -> None:
    models = keyface.models
    if stage in ("keyframe", "interpolation"):
        unet = getattr(models, stage).unet
        theirs = type(unet).forward
        spoil = lambda module, *a, **k: theirs(module, *a, **k) * (NAN if module is unet else 1)  # noqa: E731
        monkeypatch.setattr(type(unet), "forward", spoil)
    elif stage == "decoding":
        theirs = models.vae.decode_frames
        monkeypatch.setattr(models.vae, "decode_frames", lambda latents: with_one_nan(theirs(latents)))
    elif stage == "portrait":
        theirs = models.vae.encode_image
        monkeypatch.setattr(models.vae, "encode_image", lambda images: with_one_nan(theirs(images)))
    else:
        encoder = models.encoders["beats"]
        theirs = encoder.tokens
        monkeypatch.setattr(encoder, "tokens", lambda samples: with_one_nan(theirs(samples)))


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        ("keyframe", "not a number after step 1 of the keyframes: try fp32"),
        ("interpolation", "not a number after step 1 of the interpolation: try fp32"),
        ("decoding", "the decoded frames"),
        ("portrait", "the portrait's latent"),
        ("sound", "the output of beats"),
    ],
)
def test_what_is_not_a_number_is_told_with_its_stage_and_never_becomes_a_video(
    stage, named, monkeypatch, tmp_path
):
    keyface = tiny_keyface()
    broken_at(stage, keyface, monkeypatch)
    with pytest.raises(KeyFaceError) as error:
        keyface.animate(portrait(), voice(0.5), steps=2, batch=1).save(tmp_path / "a.mp4")
    assert named in str(error.value)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize(
    "path_and_options",
    [(None, {}), ("", {}), (3, {}), ("a.mp4", {"lossless": "yes"}), ("a.mp4", {"progress": 3})],
)
def test_saving_refuses_what_is_no_place_or_option(path_and_options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, options = path_and_options
    with pytest.raises(KeyFaceError):
        keyface_lib.pipeline.Clip(None, None).save(path, **options)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_tensor(torch.zeros(2, 5, 8, 8), "the latents", "(n, 4, h, w)"),
        lambda: check_tensor(torch.zeros(4, 8, 8), "the latents", "(n, 4, h, w)"),
        lambda: check_tensor(None, "the latents", "(n, 4, h, w)"),
        lambda: check_latents(torch.full((1, 4, 8, 8), NAN), "the latents"),
        lambda: check_finite(torch.tensor([1, NAN]), "the latents"),
        lambda: check_finite(torch.tensor([1, NAN]).half(), "the latents"),
    ],
)
def test_a_check_names_the_tensor_as_its_caller_does(check):
    with pytest.raises(KeyFaceError, match=r"^the latents"):
        check()


def test_frames_that_are_not_numbers_never_become_black_ones():
    for bad in (NAN, float("inf")):
        with pytest.raises(KeyFaceError, match="decoded frames"):
            to_bytes(torch.full((1, 3, 2, 2), bad))
