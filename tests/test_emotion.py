"""The emotion curve: how it runs between its points, its text forms, and what is refused."""

import json
import math
import re
import time
from pathlib import Path

import pytest
import torch

from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.emotion import (
    NAMED_STATES,
    EmotionCurve,
    Point,
    constant,
    named,
    nearest_state,
    state,
)
from keyface_lib.method.emotion_text import parse_text, to_json
from keyface_lib.method.timeline import FPS, KEYFRAME_STEP

SHARED = json.loads((Path(__file__).parent / "emotion_vectors.json").read_text())
VECTORS = SHARED["curves"]

EDITOR = Path(__file__).parents[1] / "web" / "src"


def test_the_editor_knows_the_same_states_and_keyframes():
    rows = re.findall(r"^  (\w+): \[(.+), (.+)\],$", (EDITOR / "states.ts").read_text(), re.MULTILINE)
    assert {name: (float(v), float(a)) for name, v, a in rows} == NAMED_STATES
    axis = (EDITOR / "axis.ts").read_text()
    assert f"export const FPS = {FPS}\n" in axis
    assert f"export const KEYFRAME_STEP = {KEYFRAME_STEP}\n" in axis


def seconds(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def valence(*points: Point) -> EmotionCurve:
    return EmotionCurve(valence=points)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_mode_and_mixture_agrees_with_an_independent_computation(vector):
    sampled = parse_emotion(json.dumps(vector["curve"])).sample(seconds(*vector["seconds"]))
    for ours, lane in zip(sampled, ("valence", "arousal"), strict=True):
        assert (ours - seconds(*vector[lane])).abs().max() < 1e-10


def test_a_lane_is_constant_outside_its_points_and_0_without_any():
    valence_there, arousal_there = valence(Point(1, -0.5), Point(2, 0.5)).sample(seconds(0, 0.99, 2, 3, 1e6))
    assert valence_there.tolist() == [-0.5, -0.5, 0.5, 0.5, 0.5]
    assert arousal_there.tolist() == [0, 0, 0, 0, 0]


def test_a_held_value_jumps_exactly_at_the_next_point():
    curve = valence(Point(0, 0.1, "hold"), Point(2.52, -0.7, "hold"))
    assert curve.sample(seconds(2.5199999, 2.52))[0].tolist() == [0.1, -0.7]
    assert curve.at_frames(64)[0][62:].tolist() == pytest.approx([0.1, -0.7])


def test_a_linear_piece_is_straight():
    curve = valence(Point(1, -1, "linear"), Point(3, 1))
    assert curve.sample(seconds(1, 1.5, 2, 2.75))[0].tolist() == [-1, -0.5, 0, 0.75]


def test_smooth_never_leaves_its_neighbours_and_has_no_corner():
    generator = torch.Generator().manual_seed(0)
    values = (torch.rand(50, generator=generator, dtype=torch.float64) * 2 - 1).tolist()
    times = torch.rand(50, generator=generator, dtype=torch.float64).add(0.05).cumsum(0).tolist()
    curve = valence(*map(Point, times, values))
    for i in range(49):
        between = curve.sample(torch.linspace(times[i], times[i + 1], 100, dtype=torch.float64))[0]
        steps = between.diff() * math.copysign(1, values[i + 1] - values[i])
        assert steps.min() > -1e-12
    for t in times[1:-1]:
        before, at, after = curve.sample(seconds(t - 1e-6, t, t + 1e-6))[0]
        assert abs((after - at) - (at - before)) < 1e-9


def test_frame_i_feels_what_the_curve_says_at_i_over_25_seconds():
    curve = valence(Point(0, 0, "linear"), Point(2, 1))
    values, zeros = curve.at_frames(51)
    assert values.dtype == torch.float32
    assert torch.allclose(values, torch.arange(51) / 50)
    assert not zeros.any()


def test_an_hour_with_10000_points_is_sampled_in_no_time():
    modes = ("smooth", "linear", "hold")
    lane = tuple(Point(0.36 * i, math.sin(i), modes[i % 3]) for i in range(10_000))
    started = time.perf_counter()
    values, _ = EmotionCurve(lane, lane).at_frames(90_000)
    assert time.perf_counter() - started < 2
    assert len(values) == 90_000
    assert values.abs().max() <= 1


def test_the_24_named_states_are_found_by_name_and_by_their_place():
    assert len(NAMED_STATES) == 24
    for name, place in NAMED_STATES.items():
        assert state(name) == place
        assert nearest_state(*place) == name
    assert named("calm") == constant(0.65, -0.5)
    assert nearest_state(0.9, 0.7) == "happy"


def test_intensity_scales_a_state_within_the_range():
    assert state("happy", 0.5) == (0.425, 0.375)
    assert state("happy", 1.5) == (1, 1)
    assert state("sad", 0) == (0, 0)
    with pytest.raises(KeyFaceError, match="intensity"):
        state("sad", -1)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("happy", {0: (0.85, 0.75)}),
        (" Happy*0.5 ", {0: (0.425, 0.375)}),
        ("(-0.4, .9)", {0: (-0.4, 0.9)}),
        ("0:neutral 2.5:happy 6:(-0.4,0.9)", {0: (0, 0), 2.5: (0.85, 0.75), 6: (-0.4, 0.9)}),
        ("0:neutral, 2.5 : happy,\n6:( -0.4  0.9 )", {0: (0, 0), 2.5: (0.85, 0.75), 6: (-0.4, 0.9)}),
        ("3:sad 1:30:calm 1:00:02.5:sad*0", {3: (-0.85, -0.35), 90: (0.65, -0.5), 3602.5: (0, 0)}),
    ],
)
def test_the_short_form_is_read(text, points):
    curve = parse_emotion(text)
    assert curve.valence == tuple(Point(at, feeling[0], "smooth") for at, feeling in points.items())
    assert curve.arousal == tuple(Point(at, feeling[1], "smooth") for at, feeling in points.items())


def test_json_round_trips_exactly():
    lane = (Point(0, -1, "hold"), Point(0.1, 1 / 3, "smooth"), Point(1e-7 + 2, 1e-9, "linear"))
    curve = EmotionCurve(lane, ())
    assert parse_emotion(to_json(curve)) == curve
    assert (
        to_json(parse_emotion("2:(0,1)")) == '{"v":1,"valence":[[2,0,"smooth"]],"arousal":[[2,1,"smooth"]]}'
    )
    for vector in VECTORS:
        curve = parse_emotion(json.dumps(vector["curve"]))
        assert parse_emotion(to_json(curve)) == curve


@pytest.mark.parametrize("kind", [str, Path])
def test_files_are_read(tmp_path, kind):
    curve = EmotionCurve((Point(0, 0.5, "hold"), Point(1.5, -0.5)), (Point(0, 0.1, "hold"),))
    (tmp_path / "curve.JSON").write_text(to_json(curve))
    (tmp_path / "curve.csv").write_text(
        "\ufeffSeconds, valence,arousal,mode\n0,0.5,0.1,hold\n\n1.5,-0.5,,\n", encoding="utf-8"
    )
    (tmp_path / "plain.csv").write_text("seconds,valence,arousal\n0,0.5,0.1\n")
    assert parse_emotion(kind(tmp_path / "curve.JSON")) == curve
    assert parse_emotion(kind(tmp_path / "curve.csv")) == curve
    assert parse_emotion(kind(tmp_path / "plain.csv")) == constant(0.5, 0.1)


REFUSED = {
    "": "write it like 0:neutral",
    "joyful": "emotion 'joyful' is unknown; did you mean 'hopeful'",
    "hapy": "did you mean 'happy'",
    "0:happy sad": "'sad' has no time",
    "0:(0.1": "cannot be read",
    "0:(0.1,0.2,0.3)": "no pair",
    "0:(a,0)": "'a' where a number belongs",
    "happy*much": "'much' where a number belongs",
    "x:happy": "'x' where a number belongs",
    "1:2:3:4:happy": "4 parts",
    "-1:happy": "-1 s: a time must be 0 or more",
    "1e999:happy": "inf s: a time must be 0 or more and finite",
    "1:-30:happy": "negative part",
    "0:(1.01,0)": "valence at 0 s is 1.01; it must lie in [-1, 1]",
    "0:(0,nan)": "'nan' where a number belongs",
    "1_0:happy": "'1_0' where a number belongs",
    "2:happy 1:sad": "sort the points",
    "1:happy 1:sad": "two points at 1 s",
    "1:happy 1.0000001:sad": "two points at 1 s",
    '{"v":1,"valence":[[0,0,"hold"],[5e-324,1,"hold"]]}': "two points at 4.94066e-324 s",
    "\x1c happy sad": "has no time",
    '{"v":1,"valence":[[0,x]]}': "line 1, column 22",
    '{"v":1,"valence":[[0,NaN,"hold"]]}': "valence at 0 s is nan",
    '{"v":1,"valence":[[0,-Infinity,"hold"]]}': "valence at 0 s is -inf",
    '{"v":1,"valence":[[1e999,0,"hold"]]}': "inf s: a time",
    '{"v":1,"arousal":[[0,' + "9" * 5000 + ',"hold"]]}': "arousal at 0 s is inf",
    '{"v":1,"valence":[[0,0,"ease"]]}': "'ease'; use linear, smooth, hold",
    '{"v":1,"valence":[[0,0]]}': "write [seconds,value",
    '{"v":1,"valence":[[0,true,"hold"]]}': "write [seconds,value",
    '{"v":1,"valence":{}}': "not a list",
    '{"v":1,"valance":[]}': 'unknown key "valance"',
    '{"v":2,"valence":[],"new":1}': "update KeyFace",
    '{"valence":[]}': "no version",
    '{"v":1,"x":' + "[" * 100_000: "nested too deep",
    "nowhere/curve.json": "no such emotion file",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=[text[:40] for text in REFUSED])
def test_what_breaks_a_rule_is_refused_in_one_line_that_names_it(text, message):
    with pytest.raises(KeyFaceError) as refused:
        parse_emotion(text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", SHARED["refused"], ids=lambda text: ascii(text)[:60])
def test_what_the_editor_refuses_is_refused(text):
    with pytest.raises(KeyFaceError):
        parse_text(text)


@pytest.mark.parametrize(("text", "curve"), SHARED["read"], ids=lambda given: ascii(given)[:60])
def test_what_the_editor_reads_is_read_the_same(text, curve):
    assert json.loads(to_json(parse_text(text))) == curve


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"time,valence,arousal\n", "it must be seconds,valence,arousal"),
        ("a.csv", b"", "it must be seconds,valence,arousal"),
        ("a.csv", b"seconds,valence,arousal\n0,0\n", "line 2 has 2 cells"),
        ("a.csv", b"seconds,valence,arousal\n0,0,0\n1,high,0\n", "line 3 has 'high'"),
        ("a.csv", b"seconds,valence,arousal\n1,0,0\n0,0,0\n", "sort the points"),
        ("a.csv", b"seconds,valence,arousal,mode\n1,0,0,ease\n", "'ease'"),
        ("a.csv", b"\xff\xfe\x00", "UTF-8"),
        ("a.json", b'{"v":1,\n"valence":[0}', "line 2, column 13"),
        ("a.json", b"[]", "not an object"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(KeyFaceError) as refused:
        parse_emotion(path)
    assert str(refused.value).startswith(str(path))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_or_another_kind_of_file_is_no_curve(tmp_path):
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "folder.json", tmp_path / "curve.txt"):
        with pytest.raises(KeyFaceError, match=path.name):
            parse_emotion(path)


TABLES = {
    "Excel in Germany": ("seconds;valence;arousal\r\n0;0,5;-0,1\r\n1,5;-1;1\r\n", "utf-8-sig"),
    "Excel's Unicode text": ("seconds\tvalence\tarousal\r\n0\t0,5\t-0,1\r\n1,5\t-1\t1\r\n", "utf-16"),
    "Unicode text without its mark": ("seconds\tvalence\tarousal\n0\t0.5\t-0.1\n1.5\t-1\t1\n", "utf-16-le"),
    "Unicode text of a Mac": ("seconds\tvalence\tarousal\r0\t0.5\t-0.1\r1.5\t-1\t1\r", "utf-16-be"),
    "semicolons with points": ("Seconds;Valence;Arousal;Mode\n0;0.5;-0.1;smooth\n1.5;-1;1;smooth\n", "utf-8"),
    "a separator that is named": ("sep=;\nseconds;valence;arousal\n0;0,5;-0,1\n1,5;-1;1\n", "utf-8"),
    "everything quoted": ('"seconds","valence","arousal"\n"0","0.5","-0.1"\n"1.5","-1","1"\n', "utf-8"),
    "decimal commas in quotes": ('seconds;valence;arousal\n"0";"0,5";"-0,1"\n"1,5";"-1";"1"\n', "utf-8"),
}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "CSV"])
@pytest.mark.parametrize(("table", "encoding"), TABLES.values(), ids=TABLES)
def test_tables_of_every_spreadsheet_are_read(tmp_path, table, encoding, suffix):
    path = tmp_path / f"curve.{suffix}"
    path.write_bytes(table.encode(encoding))
    curve = parse_emotion(str(path))
    assert curve == EmotionCurve((Point(0, 0.5), Point(1.5, -1)), (Point(0, -0.1), Point(1.5, 1)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_other_forms_are_read_from_text_files_too(tmp_path, encoding):
    for name, text in (("a.txt", "0:neutral 2:happy"), ("b.txt", '{"v":1,"valence":[[0,1,"hold"]]}')):
        (tmp_path / name).write_bytes(text.encode(encoding))
        assert parse_emotion(tmp_path / name) == parse_emotion(text)
