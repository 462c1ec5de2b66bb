"""What an artist is told about a mistake: at queue time where it can be seen, else before sampling."""

import json
import shutil
import subprocess

import pytest
from safetensors.torch import load_file, save_file

from host.prompts import node_of, only, read_workflow, saved_latent
from host.server import ROOT, Refused, host_python, version_of
from keyface_lib import small


def refusal(host, prompt: dict, kind: str) -> str:
    """What the server says about a node when it refuses the prompt."""
    with pytest.raises(Refused) as refused:
        host.run(prompt)
    return refused.value.details(node_of(prompt, kind))


def failure(host, prompt: dict, kind: str) -> str:
    """The one-line message of a node that stopped the run."""
    error = host.run(prompt).error
    assert error is not None
    assert error["node_type"] == kind
    assert error["exception_type"].endswith("KeyFaceError")
    return error["exception_message"]


@pytest.fixture
def without(host):
    """Takes a model file away for one test."""
    moved = []

    def take(folder: str, name: str) -> None:
        path = host.folder / "models" / folder / name
        away = path.with_suffix(".away")
        path.rename(away)
        moved.append((away, path))

    yield take
    for away, path in moved:
        away.rename(path)


def test_missing_weights_say_which_and_where_from(host, without):
    without("keyface", "interpolation.safetensors")
    said = refusal(host, read_workflow("simple"), "KeyFaceLoadModels")
    assert "models/keyface holds no interpolation file" in said
    assert "interpolation.pt" in said
    assert "https://huggingface.co/toninio19/keyface" in said


def test_a_named_file_that_is_not_there(host):
    said = refusal(host, read_workflow("simple", keyframe="mine.safetensors"), "KeyFaceLoadModels")
    assert "there is no file mine.safetensors in models/keyface" in said


CHOICES = [
    ("simple", "keyframe", "KeyFaceLoadModels"),
    ("simple", "reduced", "KeyFaceLoadModels"),
    ("simple", "vae", "KeyFaceLoadModels"),
    ("simple", "wavlm", "KeyFaceLoadAudioEncoders"),
    ("simple", "image", "LoadImage"),
    ("simple", "audio", "LoadAudio"),
    ("driven", "file", "LoadVideo"),
]
"""What names a file: in a workflow, an input of a node."""


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "keyface/../../../../etc/passwd"])
@pytest.mark.parametrize(("workflow", "name", "kind"), CHOICES)
def test_no_path_outside_the_folders_that_are_offered(host, comfyui, workflow, name, kind, path):
    if path.startswith("/") and not kind.startswith("KeyFace") and version_of(comfyui) == (0, 3, 64):
        pytest.skip("the loaders of ComfyUI 0.3.64 open absolute paths")
    prompt = read_workflow(workflow, **{name: path})
    assert prompt[node_of(prompt, kind)]["inputs"][name] == path
    with pytest.raises(Refused) as refused:
        host.run(prompt)
    assert refused.value.details(node_of(prompt, kind))


def test_a_file_in_the_wrong_slot(host):
    said = refusal(host, read_workflow("simple", interpolation="keyframe.safetensors"), "KeyFaceLoadModels")
    assert "keyframe.safetensors holds a keyframe model where the interpolation model is expected" in said


def test_two_files_of_one_role_have_to_be_chosen_from(host):
    folder = host.folder / "models" / "keyface"
    (folder / "reduced.safetensors").rename(folder / "one.safetensors")
    shutil.copyfile(folder / "one.safetensors", folder / "two.safetensors")
    try:
        said = refusal(host, read_workflow("simple"), "KeyFaceLoadModels")
        assert "several reduced files (one.safetensors, two.safetensors)" in said
    finally:
        (folder / "one.safetensors").rename(folder / "reduced.safetensors")
        (folder / "two.safetensors").unlink()


def test_a_missing_encoder_is_named_with_what_needs_it(host, without):
    without("audio_encoders", "beats.safetensors")
    said = failure(host, read_workflow("simple"), "KeyFaceLoadAudioEncoders")
    assert "the connected models hear wavlm, beats, wav2vec2" in said
    assert "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt" in said


def test_models_the_wrong_way_round(host):
    prompt = read_workflow("long_audio")
    sampler = prompt[node_of(prompt, "KeyFaceInterpolationSampler")]["inputs"]
    sampler["model"], sampler["reduced"] = sampler["reduced"], sampler["model"]
    said = failure(host, prompt, "KeyFaceInterpolationSampler")
    assert "needs the interpolation model and got the reduced model" in said


def test_a_reduced_model_of_another_training(host):
    said = failure(host, read_workflow("simple", steps=1, reduced=small.NAME), "KeyFaceAnimate")
    assert "hears audio tokens of 64 channels and interpolation.safetensors of 32" in said
    assert "choose the reduced model that came with the interpolation model" in said


def test_a_foreign_vae(host):
    prompt = read_workflow("long_audio", steps=1)
    foreign = str(max(map(int, prompt)) + 1)
    prompt[foreign] = {"class_type": "VAELoader", "inputs": {"vae_name": "pixel_space"}}
    prompt[node_of(prompt, "KeyFaceKeyframeSampler")]["inputs"]["vae"] = [foreign, 0]
    said = failure(host, prompt, "KeyFaceKeyframeSampler")
    assert "this VAE is not KeyFace's" in said


def test_encoding_without_an_encoder(host):
    vae = load_file(host.folder / "models" / "keyface" / "vae.safetensors")
    decoder = {name: tensor for name, tensor in vae.items() if ".decoder." in name}
    (host.folder / "models" / "vae").mkdir(exist_ok=True)
    save_file(decoder, host.folder / "models" / "vae" / "decoder.safetensors")
    said = failure(host, read_workflow("simple", vae="decoder.safetensors"), "KeyFaceAnimate")
    assert "decoder.safetensors holds only the VAE's decoder" in said


def test_no_vae_at_all(host):
    said = failure(host, read_workflow("simple", vae="none"), "KeyFaceLoadModels")
    assert "no Stable Video Diffusion decoder" in said


def test_several_portraits(host):
    prompt = read_workflow("simple")
    portrait = node_of(prompt, "LoadImage")
    twice = str(max(map(int, prompt)) + 1)
    prompt[twice] = {"class_type": "RepeatImageBatch", "inputs": {"image": [portrait, 0], "amount": 2}}
    prompt[node_of(prompt, "KeyFaceAnimate")]["inputs"]["portrait"] = [twice, 0]
    assert "a batch of 2 pictures" in failure(host, prompt, "KeyFaceAnimate")


def test_empty_audio(host):
    prompt = read_workflow("simple")
    trim = str(max(map(int, prompt)) + 1)
    prompt[trim] = {
        "class_type": "EmptyAudio",
        "inputs": {"duration": 0.0, "sample_rate": 44100, "channels": 2},
    }
    prompt[node_of(prompt, "KeyFaceAnimate")]["inputs"]["audio"] = [trim, 0]
    assert "the audio is empty" in failure(host, prompt, "KeyFaceAnimate")


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ("0:hapy", "did you mean 'happy'"),
        ("0:(2,0)", "it must lie in [-1, 1]"),
        ('{"v":1,"valence":[[0,0.5', "malformed"),
        ('{"v":2}', "version"),
        ("/etc/passwd.json", "unknown"),
    ],
)
def test_a_curve_that_cannot_be_read(host, curve, said):
    prompt = read_workflow("two_stage", curve=curve)
    assert said in refusal(host, prompt, "KeyFaceEmotionCurve")


def test_a_curve_longer_than_its_audio_runs_and_says_so(host):
    prompt = read_workflow("emotion_change", curve="0:sad 60:happy", steps=1, seed=31)
    curve = node_of(prompt, "KeyFaceEmotionCurve")
    keyframes = node_of(prompt, "KeyFaceKeyframeSampler")
    assert host.run(only(prompt, saved_latent(prompt, keyframes))).error is None
    assert prompt[curve]["inputs"]["audio"]
    assert "the emotion curve has a point at 60 s and the audio ends at 6.68 s" in host.log.read_text()


def test_a_wrong_number_of_keyframes_states_both(host):
    prompt = read_workflow("two_stage", steps=1)
    encoded = node_of(prompt, "VAEEncode")
    few = str(max(map(int, prompt)) + 1)
    prompt[few] = {
        "class_type": "LatentFromBatch",
        "inputs": {"samples": [encoded, 0], "batch_index": 0, "length": 5},
    }
    sampler = node_of(prompt, "KeyFaceInterpolationSampler")
    prompt[sampler]["inputs"]["keyframes"] = [few, 0]
    said = failure(host, only(prompt, node_of(prompt, "SaveVideo")), "KeyFaceInterpolationSampler")
    assert "there are 5 keyframes and 6.72 s of audio need 14" in said


def test_frames_and_audio_of_different_clips(host):
    prompt = read_workflow("long_audio", steps=1)
    other = str(max(map(int, prompt)) + 1)
    prompt[other] = {
        "class_type": "EmptyAudio",
        "inputs": {"duration": 2.0, "sample_rate": 44100, "channels": 1},
    }
    prompt[node_of(prompt, "KeyFaceRenderVideo")]["inputs"]["audio"] = [other, 0]
    said = failure(host, prompt, "KeyFaceRenderVideo")
    assert "13 segments and 50 frames need 4" in said


@pytest.fixture(scope="module")
def edge_cases(comfyui) -> list[dict]:
    command = [host_python(comfyui), "edge_cases.py", comfyui]
    done = subprocess.run(command, cwd=ROOT / "tests" / "host", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"group"')]


@pytest.mark.parametrize(
    ("group", "at_least"), [("wrong value", 800), ("nothing arrives", 60), ("wrong place", 12)]
)
def test_no_value_at_any_input_ends_in_anything_but_a_line(edge_cases, group, at_least):
    said = {case["name"]: case["said"] for case in edge_cases if case["group"] == group}
    assert len(said) >= at_least
    assert not {name: words for name, words in said.items() if words is None or words.startswith("raw:")}


@pytest.mark.parametrize(("group", "at_least"), [("in form", 15), ("runs", 6)])
def test_what_can_be_used_is_used(edge_cases, group, at_least):
    said = {case["name"]: case["said"] for case in edge_cases if case["group"] == group}
    assert len(said) >= at_least
    assert not {name: words for name, words in said.items() if words is not None}


def test_a_video_without_sound_is_told_from_a_missing_cable(edge_cases):
    said = [case["said"] for case in edge_cases if case["name"].endswith("audio: nothing")]
    assert len(said) == 3
    assert all("this video has no sound; connect a recording" in words for words in said)
