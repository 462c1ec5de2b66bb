"""The toy world: clips are repeatable, held out, in step with their sound, and read back from pixels."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from keyface_lib.errors import KeyFaceError
from keyface_lib.method.emotion import constant, named
from keyface_lib.toyworld import CLASSES, at_rest, draw, draw_identity, espeak, make_clip, measure, perform
from keyface_lib.toyworld.identity import HAIRS, SKINS
from keyface_lib.toyworld.motion import Motion
from keyface_lib.toyworld.scores import pearson, settled, silence_ratio, spearman
from keyface_lib.toyworld.sentences import draw_sentence, split_of
from keyface_lib.toyworld.speech import draw_voice, mouth_curves, say
from keyface_lib.toyworld.vocalizations import SPEECH, SYNTHESES, vocalize

speaks = pytest.mark.skipif(
    not espeak.available(),
    reason="eSpeak NG is not installed: apt install espeak-ng, or pip install espeakng-loader",
)
READ_BACK = ("opening", "width", "smile", "brow", "eye", "x", "y", "tilt")
SPOILED = {"clean": (0.0, 0.0), "blurred and noisy": (0.008, 4.0)}
"""Standard deviations of a blur, in frame heights, and of noise, in levels of 255."""


def random_motion(rng: np.random.Generator, n: int) -> Motion:
    """Every curve anywhere in its range, all independent."""

    def anywhere(low: float, high: float) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(low, high, n)).float()

    return Motion(
        opening=anywhere(0, 1),
        width=anywhere(-1, 0.6),
        smile=anywhere(-1, 1),
        brow=anywhere(-1, 1),
        frown=anywhere(-1, 1),
        eye=anywhere(0, 1),
        x=anywhere(-0.02, 0.02),
        y=anywhere(-0.02, 0.02),
        tilt=anywhere(-0.06, 0.06),
    )


def spoiled(frames: torch.Tensor, blur: float, noise: float) -> torch.Tensor:
    pixels = frames.movedim(-1, 1).float()
    if blur:
        reach = torch.arange(-4, 5.0)
        bell = (-((reach / (blur * frames.shape[1])) ** 2) / 2).exp()
        bell = (bell / bell.sum()).expand(3, 1, -1)
        pixels = F.pad(pixels, (4, 4, 4, 4), mode="replicate")
        pixels = F.conv2d(F.conv2d(pixels, bell[:, :, None], groups=3), bell[..., None], groups=3)
    pixels = pixels + noise * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    return pixels.round().clamp(0, 255).to(torch.uint8).movedim(1, -1)


@functools.cache
def unseen_people():
    """24 held-out people with 12 random moments each."""
    rng = np.random.default_rng(1)
    return [(draw_identity(rng, "test"), random_motion(rng, 12)) for _ in range(24)]


@functools.cache
def measured(size: int, state: str):
    return [measure(spoiled(draw(who, motion, size), *SPOILED[state])) for who, motion in unseen_people()]


@pytest.mark.parametrize("state", SPOILED)
@pytest.mark.parametrize("size", [64, 128])
def test_what_an_unseen_face_does_is_read_from_its_pixels(size, state):
    for name in READ_BACK:
        read = torch.cat([getattr(m, name) for m in measured(size, state)])
        true = torch.cat([getattr(motion, name) for _, motion in unseen_people()])
        assert pearson(read, true) >= 0.97, name


@pytest.mark.parametrize("state", SPOILED)
@pytest.mark.parametrize("size", [64, 128])
def test_who_an_unseen_person_is_is_read_from_the_pixels(size, state):
    read = torch.stack([m.identity().mean(dim=0) for m in measured(size, state)])
    people = [who for who, _ in unseen_people()]
    true = torch.tensor([[*p.skin, *p.hair, *p.background, p.face_width, p.head_height] for p in people])
    for number in range(true.shape[1]):
        assert pearson(read[:, number], true[:, number]) >= 0.97, number
    assert (read[:, :9] - true[:, :9]).abs().max() < 0.03


def test_measurements_have_the_units_of_the_truth():
    for name in READ_BACK:
        read = torch.cat([getattr(m, name) for m in measured(128, "clean")])
        true = torch.cat([getattr(motion, name) for _, motion in unseen_people()])
        slope = (read - read.mean()) @ (true - true.mean()) / (true - true.mean()).square().sum()
        assert 0.85 < slope < 1.15, name
        assert (read - true).mean().abs() < 0.1 * (true.max() - true.min()), name


def test_frames_of_many_people_are_measured_at_once_as_well_as_alone():
    frames = torch.stack([draw(who, motion[:1], 64)[0] for who, motion in unseen_people()])
    together, alone = measure(frames), measured(64, "clean")
    for name in READ_BACK:
        first = torch.stack([getattr(m, name)[0] for m in alone])
        assert (getattr(together, name) - first).abs().max() < 1e-3, name


def test_a_picture_that_is_no_square_video_is_refused():
    with pytest.raises(KeyFaceError, match=r"\(frames, size, size, 3\)"):
        measure(torch.zeros(2, 64, 48, 3, dtype=torch.uint8))


def test_where_there_is_no_face_the_measurements_are_numbers():
    wall = torch.full((1, 64, 64, 3), 200, dtype=torch.uint8)
    noise = torch.randint(
        0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    seen = measure(torch.cat([wall, noise]))
    assert all(curve.isfinite().all() for curve in vars(seen).values())


def test_frames_do_not_depend_on_the_frames_drawn_with_them():
    rng = np.random.default_rng(3)
    who, motion = draw_identity(rng), random_motion(rng, 40)
    alone = torch.cat([draw(who, motion[i : i + 1], 64) for i in range(40)])
    assert torch.equal(draw(who, motion, 64), alone)


def test_larger_frames_show_the_same_face():
    who = draw_identity(np.random.default_rng(4))
    large = draw(who, at_rest(), 256).movedim(-1, 1).float()
    small = draw(who, at_rest(), 64).movedim(-1, 1).float()
    assert (F.avg_pool2d(large, 4) - small).abs().mean() < 1.0


def test_too_small_a_frame_is_refused():
    with pytest.raises(KeyFaceError, match="32"):
        draw(draw_identity(np.random.default_rng(0)), at_rest(), 16)


def test_people_and_sentences_are_held_out():
    rng = np.random.default_rng(5)

    def nearest(colour, listed):
        return int(np.linalg.norm(np.subtract(listed, np.multiply(colour, 255)), axis=1).argmin())

    def looks(split):
        people = [draw_identity(rng, split) for _ in range(300)]
        return {(p.hair_style, nearest(p.skin, SKINS), nearest(p.hair, HAIRS)) for p in people}

    train, test = looks("train"), looks("test")
    assert train
    assert test
    assert not train & test
    for split in ("train", "test"):
        assert {split_of(draw_sentence(rng, split)) for _ in range(50)} == {split}


def test_voices_are_held_out():
    rng = np.random.default_rng(6)
    train, test = (
        {draw_voice(rng, split).name.split("+")[1] for _ in range(200)} for split in ("train", "test")
    )
    assert len(train) >= 7
    assert len(test) >= 3
    assert not train & test


@pytest.mark.parametrize("label", SYNTHESES)
def test_every_vocalization_sounds_and_moves_the_face(label):
    made = vocalize(label, np.random.default_rng(7), pitch_hz=120.0)
    assert made.label in CLASSES
    assert 0.05 < np.abs(made.waveform).max() < 1
    assert all(len(curve) / 100 == pytest.approx(made.seconds) for curve in made.gesture.values())
    assert max(np.abs(curve).max() for curve in made.gesture.values()) > 0.1


def test_vocalizations_open_the_mouth_as_they_should():
    widest = {
        label: vocalize(label, np.random.default_rng(8), 120.0).gesture["opening"].max()
        for label in SYNTHESES
    }
    assert widest["mhm"] == 0
    assert widest["yawn"] == max(widest.values())
    assert widest["throat clearing"] < widest["cough"] < widest["ah"]


def test_lips_close_for_b_and_round_for_u():
    opening, width = mouth_curves([(0.0, "_"), (0.1, "A:"), (0.3, "b"), (0.4, "u:"), (0.6, "_")], 0.8)
    assert opening[35] < 0.1 < 0.5 < opening[20]
    assert width[50] < -0.7
    assert opening[75] < 0.02


def test_without_espeak_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(espeak, "_library", lambda: (None, None))
    with pytest.raises(KeyFaceError, match="apt install espeak-ng"):
        make_clip(0, 1)


@pytest.mark.parametrize(
    ("arguments", "named_in_message"),
    [({"seconds": 0.01}, "0.04"), ({"seed": -1}, "-1"), ({"split": "valid"}, "'valid'")],
)
def test_wrong_wishes_are_refused(arguments, named_in_message):
    with pytest.raises(KeyFaceError, match=named_in_message):
        perform(**{"seed": 0, "seconds": 1.0, "split": "train", **arguments})


@speaks
def test_an_unknown_voice_is_refused():
    with pytest.raises(KeyFaceError, match="xx-nobody"):
        espeak.speak(["Hello."], espeak.Voice("xx-nobody", 160, 50, 50))


@speaks
def test_a_seed_gives_the_same_clip_again_whatever_was_made_in_between():
    first = make_clip(11, 2.0, size=64)
    make_clip(12, 1.0, size=64)
    again = make_clip(11, 2.0, size=64)
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.waveform, again.waveform)
    assert not torch.equal(first.waveform, make_clip(12, 2.0, size=64).waveform)


@speaks
def test_a_clip_is_as_long_as_asked_in_all_its_parts():
    clip = make_clip(13, 3.0, size=64)
    assert clip.frames.shape == (75, 64, 64, 3)
    assert clip.frames.dtype == torch.uint8
    assert clip.waveform.shape == (75 * 640,)
    assert clip.waveform.abs().max() <= 1
    assert {*clip.truth} > {*READ_BACK, "vocalization"}
    assert all(len(curve) == 75 for curve in (*clip.truth.values(), clip.valence, clip.arousal))


@speaks
def test_phonemes_lie_where_they_sound():
    spoken = say(["A happy baby."], espeak.Voice("en-us+m3", 150, 50, 50))[0]
    starts = [round(start * 16000) for start, _ in spoken.phonemes] + [len(spoken.waveform)]
    loud = {}
    for (_, phoneme), start, stop in zip(spoken.phonemes, starts, starts[1:], strict=False):
        loud[phoneme] = np.sqrt(np.mean(spoken.waveform[start:stop] ** 2)) if stop > start else 0.0
    assert loud["p"] < 0.3 * loud["a"]
    assert loud["b"] < loud["eI"]


@speaks
def test_the_mouth_follows_the_sound_and_rests_in_silence():
    performance = perform(14, 30.0, "test")
    loudness = performance.waveform.reshape(-1, 640).square().mean(dim=1).sqrt()
    speaking = performance.vocalization == CLASSES.index(SPEECH)
    silent = settled(performance.vocalization == 0)
    opening = performance.motion.opening
    assert pearson(opening[speaking], loudness[speaking]) > 0.4
    assert silence_ratio(opening, silent, speaking) < 0.02
    assert loudness[silent].max() == 0


@speaks
def test_every_class_occurs():
    heard = torch.cat([perform(seed, 60.0).vocalization for seed in range(4)])
    assert len(heard.unique()) == len(CLASSES)
    assert (heard == CLASSES.index(SPEECH)).float().mean() > 0.5


@speaks
def test_moods_show_in_the_face():
    grid = [(v / 2, a / 2) for v in range(-2, 3) for a in range(-2, 3)]
    quiet = [perform(15, 1.0, emotion=constant(v, a)).motion for v, a in grid]
    valence, arousal = torch.tensor(grid).T
    assert spearman(valence, torch.stack([m.smile.mean() for m in quiet])) > 0.95
    assert spearman(arousal, torch.stack([m.brow.mean() for m in quiet])) > 0.95
    assert spearman(arousal, torch.stack([m.eye.mean() for m in quiet])) > 0.95


@speaks
def test_a_feeling_changes_nothing_but_the_face():
    happy, sad = (perform(16, 3.0, emotion=named(mood)) for mood in ("happy", "sad"))
    assert torch.equal(happy.waveform, sad.waveform)
    assert torch.equal(happy.motion.opening, sad.motion.opening)
    assert torch.equal(happy.motion.tilt, sad.motion.tilt)
    assert happy.identity == sad.identity
    assert happy.motion.smile.mean() > 0.5 > -0.5 > sad.motion.smile.mean()
