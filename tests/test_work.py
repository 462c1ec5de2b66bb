"""Work folders: a run that was stopped goes on, a changed one makes what changed, and damage is made good."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from drawn_video import plain, write_video
from tiny_models import portrait, recorded, tiny_folder, tiny_keyface, voice

from keyface_lib import Person
from keyface_lib.cli import main
from keyface_lib.clip import pieces
from keyface_lib.clip.asked import ask
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.redo import Redo, parse_passage
from keyface_lib.method.timeline import Timeline
from keyface_lib.work.folder import KINDS, MANIFEST, WorkFolder
from keyface_lib.work.keys import key_of
from keyface_lib.work.store import Store

SECONDS = 8.0
"""Two windows, 16 segments in four batches, two pieces of video."""
QUICK = {"steps": 1, "batch": 4}


def planned(work, **options):
    return tiny_keyface().animate(portrait(64, 64), voice(SECONDS), work=work, **(QUICK | options))


def made(work, output: Path, **options) -> dict:
    """Makes the clip's video; says what was computed for it."""
    told = []
    with WorkFolder(work) as folder:
        clip = planned(folder, progress=lambda done, total: told.append((done, total)), **options)
        outlook = ask(clip, lossless=False)
        clip.save(output)
    return {"outlook": outlook, "calls": told[-1][0] if told else 0, "to_make": clip.animation.to_make}


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def differing(one: Path, other: Path) -> list[tuple[int, int]]:
    """The frames in which two videos differ, and by how many levels at most."""
    pairs = zip(frames_of(one), frames_of(other), strict=True)
    most = [int(np.abs(a.astype(int) - b).max()) for a, b in pairs]
    return [(frame, levels) for frame, levels in enumerate(most) if levels]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """The video of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made(folder / "work", folder / "clip.mp4")
    return folder / "clip.mp4"


@pytest.fixture
def finished(tmp_path, undisturbed) -> Path:
    """A work folder of a finished run, as it was left."""
    import shutil

    shutil.copytree(undisturbed.parent / "work", tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture(scope="module", autouse=True)
def _short_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_SEGMENTS", 8)
        yield


class Killed(BaseException):
    """As if by a signal: nothing in the library catches it."""


def test_frames_are_the_same_with_and_without_a_folder(tmp_path):
    keyface = tiny_keyface()
    plain = torch.cat(list(keyface.animate(portrait(64, 64), voice(2), **QUICK)))
    with WorkFolder(tmp_path / "work") as work:
        assert torch.equal(torch.cat(list(planned_short(work))), plain)
        again = planned_short(work)
        assert again.calls == 0
        assert torch.equal(torch.cat(list(again)), plain)


def planned_short(work):
    return tiny_keyface().animate(portrait(64, 64), voice(2), work=work, **QUICK)


@pytest.mark.parametrize("killed_at", [1, 4, 9, 14])
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path, undisturbed, killed_at):
    done = []

    def kill(calls, total):
        done.append(calls)
        if len(done) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        planned(tmp_path / "work", progress=kill).save(tmp_path / "clip.mp4")
    again = made(tmp_path / "work", tmp_path / "clip.mp4")
    assert differing(tmp_path / "clip.mp4", undisturbed) == []
    whole = planned(None).calls
    assert again["calls"] <= whole
    # what was done twice is a window (three calls) or a batch of four segments (two calls each) at most
    assert done[-1] + again["calls"] <= whole + 3 + 8
    assert not again["outlook"].damaged


def test_a_finished_clip_is_joined_again_without_a_single_call(tmp_path, finished, undisturbed):
    again = made(finished, tmp_path / "clip.mp4")
    assert (again["calls"], again["to_make"]) == (0, (set(), set()))
    assert differing(tmp_path / "clip.mp4", undisturbed) == []


def test_a_joined_video_has_all_frames_in_time_and_sound_to_the_sample(undisturbed):
    with av.open(str(undisturbed)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
        container.seek(0)
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert times == pytest.approx([n / 25 for n in range(200)])
    assert samples == 8 * 16_000


def test_another_interpolation_seed_keeps_the_keyframes(tmp_path, finished):
    again = made(finished, tmp_path / "clip.mp4", interpolation_seed=9)
    assert again["to_make"] == (set(), set(range(16)))
    assert again["outlook"].changed == ("interpolation seed (0 before, 9 now)",)


def test_an_edited_emotion_touches_its_windows_and_their_segments(tmp_path):
    curve = "0:neutral 7:neutral 7.5:{} 8:neutral"
    made(tmp_path / "work", tmp_path / "clip.mp4", emotion=curve.format("neutral"))
    again = made(tmp_path / "work", tmp_path / "clip.mp4", emotion=curve.format("happy"))
    assert again["to_make"][0] == {1}  # keyframes 13 to 16, from second 6.76
    assert again["to_make"][1] == set(range(12, 16))  # segment 12 ends in keyframe 13
    assert again["outlook"].changed == ("emotion",)


def test_a_passage_is_made_again_and_everything_else_stays(tmp_path, finished, undisturbed):
    again = made(finished, tmp_path / "clip.mp4", redo=["3.0-4.0"])
    assert again["to_make"] == ({0}, {5, 6, 7})  # keyframes 6 (3.12 s) and 7 (3.64 s), and what they bound
    assert again["outlook"].changed == ("redone: 3-4 s with seed 1",)
    pairs = zip(frames_of(tmp_path / "clip.mp4"), frames_of(undisturbed), strict=True)
    differs = [not np.array_equal(*pair) for pair in pairs]
    assert any(differs[75:100])
    assert not any(differs[:50])  # a second of video before it is coded alike
    assert made(finished, tmp_path / "clip.mp4")["calls"] == 0, "it stays redone"
    back = made(finished, tmp_path / "clip.mp4", redo=["none"])
    assert back["calls"] == 0
    assert differing(tmp_path / "clip.mp4", undisturbed) == []


def test_a_passage_can_be_made_again_more_than_once(tmp_path, finished):
    made(finished, tmp_path / "1.mp4", redo=["3.0-4.0"])
    again = made(finished, tmp_path / "2.mp4", redo=["3.5-3.8"])
    assert again["to_make"] == ({0}, {6, 7})
    assert differing(tmp_path / "1.mp4", tmp_path / "2.mp4")


@pytest.mark.parametrize(
    ("passage", "keyframes", "segments"),
    [
        ((3.0, 4.0), [6, 7], [5, 6, 7]),
        ((3.12, 3.64), [6, 7], [5, 6, 7]),
        ((3.2, 3.4), [], [6]),
        ((0.0, 0.1), [0], [0]),
        ((11.9, 99.0), [23], [22]),
    ],
)
def test_which_keyframes_and_segments_a_passage_has(passage, keyframes, segments):
    redo, timeline = Redo(*passage, seed=1), Timeline(300)
    assert [*redo.keyframes(timeline)] == keyframes
    assert [*redo.segments(timeline)] == segments


@pytest.mark.parametrize("text", ["", "3", "4-3", "3-3", "8-14", "a-b", "-1-2", "1e9-2e9"])
def test_what_is_no_passage_is_refused(text):
    with pytest.raises(KeyFaceError, match="passage"):
        parse_passage(text, SECONDS)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flipped, cut, emptied])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named_and_made_again(tmp_path, finished, undisturbed, kind, harm):
    victim = sorted((finished / kind).iterdir())[-1]
    harm(victim)
    again = made(finished, tmp_path / "clip.mp4")
    assert again["outlook"].damaged == (victim,)
    assert any("damaged" in line and victim.name in line for line in again["outlook"].lines(finished))
    assert differing(tmp_path / "clip.mp4", undisturbed) == []


@pytest.mark.parametrize("harm", [flipped, cut, lambda path: path.write_text("[1, 2")])
def test_a_damaged_manifest_costs_nothing_that_was_made(tmp_path, finished, harm):
    harm(finished / MANIFEST)
    again = made(finished, tmp_path / "clip.mp4")
    assert again["calls"] == 0


def test_a_missing_file_is_made_again(tmp_path, finished, undisturbed):
    for kind in ("pieces", "segments"):
        sorted((finished / kind).iterdir())[0].unlink()
    again = made(finished, tmp_path / "clip.mp4")
    assert again["to_make"][1] == {0, 1, 2, 3}
    assert differing(tmp_path / "clip.mp4", undisturbed) == []


def test_a_second_run_is_refused_and_told_which_is_the_first(tmp_path):
    with WorkFolder(tmp_path / "work"), pytest.raises(KeyFaceError, match=f"process {os.getpid()}"):
        WorkFolder(tmp_path / "work")
    WorkFolder(tmp_path / "work").close()


def test_what_is_no_work_folder_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(KeyFaceError, match="other things in it"):
        WorkFolder(tmp_path)
    with pytest.raises(KeyFaceError, match="is a file"):
        WorkFolder(tmp_path / "letter.txt")
    assert main(["work", str(tmp_path), "--clean"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_several_faces_and_whole_pictures_go_on_too(tmp_path):
    picture = torch.rand(3, 100, 180, generator=torch.Generator().manual_seed(4)) * 2 - 1
    people = [
        Person((10, 20, 60, 60), voice(5, seed=1), "happy"),
        Person((110, 30, 50, 50), voice(5, seed=2), "sad"),
    ]

    def run(work, output, progress=None):
        with WorkFolder(work) as folder:
            clip = tiny_keyface().animate_people(picture, people, work=folder, progress=progress, **QUICK)
            clip.save(output)
        return clip

    whole = run(tmp_path / "undisturbed", tmp_path / "expected.mp4")

    def kill(done, total):
        if done > total // 2:
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "work", tmp_path / "clip.mp4", kill)
    again = run(tmp_path / "work", tmp_path / "clip.mp4")
    assert 0 < again.calls < whole.calls
    assert differing(tmp_path / "clip.mp4", tmp_path / "expected.mp4") == []
    sorted((tmp_path / "work" / "pieces").iterdir())[-1].unlink()  # its colours are matched with frame 0
    run(tmp_path / "work", tmp_path / "clip.mp4")
    assert differing(tmp_path / "clip.mp4", tmp_path / "expected.mp4") == []


def test_another_film_makes_another_video(tmp_path):
    film = tmp_path / "film.mp4"

    def run() -> int:
        with WorkFolder(tmp_path / "work") as work, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no detector follows the face
            clip = tiny_keyface().animate(
                str(film), voice(1), face=(8, 8, 32, 32), background="moving", work=work, **QUICK
            )
            pieces_to_make = ask(clip, lossless=False).pieces[0]
            clip.save(tmp_path / "clip.mp4")
        return pieces_to_make

    write_video(film, [plain(90, 48, 64)] * 30)
    assert run() == 1
    assert run() == 0
    write_video(film, [plain(90, 48, 64)] * 20 + [plain(200, 48, 64)] * 10)
    assert run() == 1


def test_pictures_are_made_again_in_a_folder_that_has_some(tmp_path):
    for _ in range(2):
        with WorkFolder(tmp_path / "work") as work:
            planned_short(work).save(tmp_path / "frames")
    assert len(list((tmp_path / "frames").glob("*.png"))) == 50


def test_a_full_disk_is_said_and_what_was_made_is_kept(tmp_path, undisturbed, monkeypatch):
    from keyface_lib.work import store

    save, calls = store.save_file, []

    def full(tensors, path, metadata):
        calls.append(path)
        if len(calls) == 5:
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(tensors, path, metadata=metadata)

    monkeypatch.setattr(store, "save_file", full)
    with (
        WorkFolder(tmp_path / "work") as work,
        pytest.raises(KeyFaceError, match=r"No space left.*make room"),
    ):
        planned(work).save(tmp_path / "clip.mp4")
    monkeypatch.setattr(store, "save_file", save)
    assert made(tmp_path / "work", tmp_path / "clip.mp4")["calls"] < planned(None).calls
    assert differing(tmp_path / "clip.mp4", undisturbed) == []
    assert not list((tmp_path / "work").rglob("*unfinished*"))


def test_unused_results_are_counted_and_removed(tmp_path, finished, capsys):
    made(finished, tmp_path / "clip.mp4", interpolation_seed=9)
    assert main(["work", str(finished)]) == 0
    said = capsys.readouterr().out
    assert "segments" in said
    assert "16 of 16" in said
    assert "not needed" in said
    assert main(["work", str(finished), "--tidy"]) == 0
    assert "not needed" not in capsys.readouterr().out
    assert made(finished, tmp_path / "clip.mp4", interpolation_seed=9)["calls"] == 0
    assert main(["work", str(finished), "--clean"]) == 0
    assert not finished.exists()


def test_keys_tell_values_of_other_kinds_and_places_apart():
    values = [
        1,
        1.0,
        True,
        "1",
        b"1",
        None,
        (1,),
        ((1,),),
        {"1": 1},
        torch.tensor(1),
        torch.tensor(1.0),
        (1, 1),
    ]
    assert len({key_of(value) for value in values}) == len(values)
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of(torch.zeros(2, 3)) != key_of(torch.zeros(3, 2))


def test_a_store_finds_nothing_in_what_it_did_not_write(tmp_path):
    store = Store(tmp_path, ["segments"])
    store.put("segments", [3, 4], ["a" * 40, "b" * 40], torch.arange(8).view(2, 4))
    (tmp_path / "segments" / "000001.safetensors").write_bytes(b"x")
    (tmp_path / "segments" / ".000001.5-ab.unfinished.safetensors").write_bytes(b"x")
    store = Store(tmp_path, ["segments"])
    assert store.look() == []
    assert store["b" * 40].tolist() == [4, 5, 6, 7]
    assert (tmp_path / "segments" / "000001.safetensors").exists()
    assert len(list((tmp_path / "segments").iterdir())) == 2, "what was not finished is gone"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_command_goes_on_after_a_real_kill(tmp_path):
    sound = recorded(tmp_path / "voice.wav", 30)
    command = [sys.executable, "-m", "keyface_lib", "animate", "assets/portrait.jpg", str(sound), "--work"]
    command += [str(tmp_path / "work"), "-o", str(tmp_path / "clip.mp4"), "--model", str(tiny_folder())]
    command += ["--steps", "1", "--batch", "2"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list((tmp_path / "work").glob("segments/*.safetensors"))) < 3:
        pass
    assert process.poll() is None, "it was killed in the middle"
    process.kill()
    process.wait()
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "still to make" in done.stderr
    assert len(frames_of(tmp_path / "clip.mp4")) == 750
