"""Faces cut from pictures and laid back: where they lie, what the picture keeps, how the border looks."""

import math

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from tiny_models import recorded, tiny_folder, tiny_keyface, voice

from keyface_lib.cli import main
from keyface_lib.clip.cost import LiveBytes
from keyface_lib.clip.material import read_material
from keyface_lib.errors import KeyFaceError
from keyface_lib.media import image as pictures
from keyface_lib.portrait import finding
from keyface_lib.portrait.faces import Face
from keyface_lib.portrait.framing import Framing, at_most, central, cropped, framing_of_box
from keyface_lib.portrait.pasting import Pasting
from keyface_lib.portrait.placing import EYE_DISTANCE, EYE_LINE

PLACES = [
    Framing(70.0, 60.0, 64.0),
    Framing(70.3, 60.7, 51.5),
    Framing(70.0, 60.0, 64.0, 30.0),
    Framing(64.2, 57.1, 40.3, -77.0),
    Framing(75.0, 55.0, 80.0, 180.0),
]


def smooth_picture(height: int = 120, width: int = 140) -> torch.Tensor:
    """Colours that change slowly, (height, width, 3) in [0, 1]: any sampling sees the same in them."""
    y, x = torch.meshgrid(torch.arange(height) / 40.0, torch.arange(width) / 40.0, indexing="ij")
    return torch.stack([torch.sin(x + 1), torch.cos(y), torch.sin(x * 0.5 + y)], -1) * 0.4 + 0.5


def crop(picture: torch.Tensor, framing: Framing, size: int) -> torch.Tensor:
    """The square as a frame (size, size, 3) in [0, 1]."""
    return ((cropped(picture.permute(2, 0, 1) * 2 - 1, framing, size) + 1) / 2).permute(1, 2, 0)


def in_bytes(picture: torch.Tensor) -> torch.Tensor:
    return (picture * 255).round().byte()


@pytest.mark.parametrize("framing", PLACES)
@pytest.mark.parametrize("size", [48, 96])
def test_there_and_back_is_the_same_place(framing, size):
    places = torch.rand(3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * size
    places[2] = 1
    there = framing.to_picture(size) @ places
    back = framing.to_square(size) @ torch.cat([there, torch.ones(1, 9).double()])
    torch.testing.assert_close(back, places[:2])


@pytest.mark.parametrize("framing", PLACES)
@pytest.mark.parametrize("size", [48, 96, 200])
def test_an_unchanged_crop_laid_back_is_the_picture(framing, size):
    picture = smooth_picture()
    laid = Pasting(picture, framing, size)(crop(picture, framing, size))
    assert (laid - picture).abs().max() <= 1 / 255


@pytest.mark.parametrize("framing", [Framing(70, 60, 64), central(120, 140), Framing(32, 88, 64)])
def test_a_crop_on_whole_pixels_is_laid_back_exactly_whatever_it_shows(framing):
    picture = in_bytes(torch.rand(120, 140, 3, generator=torch.Generator().manual_seed(2)))
    size = round(framing.side)
    frame = in_bytes(crop(picture / 255, framing, size))
    assert torch.equal(Pasting(picture, framing, size)(frame), picture)


def test_a_crop_without_a_turn_is_what_antialiased_resizing_makes():
    picture = smooth_picture(200, 200)
    ours = crop(picture, central(200, 200), 64)
    torchs = F.interpolate(picture.permute(2, 0, 1)[None], (64, 64), mode="bicubic", antialias=True)
    assert (ours - torchs[0].permute(1, 2, 0)).abs().max() < 1 / 255


def test_shrinking_averages_what_it_leaves_out():
    stripes = (torch.arange(256) % 2).float()[None, :, None].expand(256, 256, 3)
    for angle in (0.0, 45.0):
        seen = crop(stripes, Framing(128, 128, 160, angle), 20)
        assert (seen - 0.5).abs().max() < 0.12, angle


def test_a_turned_head_stands_upright_in_its_square():
    picture = torch.zeros(100, 100, 3)
    angle = math.radians(30)
    for distance in range(4, 25):  # a bright line from the centre towards the leaning head's crown
        x, y = 50 + distance * math.sin(angle), 50 - distance * math.cos(angle)
        picture[round(y - 0.5), round(x - 0.5)] = 1
    seen = crop(picture, Framing(50, 50, 60, 30.0), 60)[..., 0]
    assert seen[:28, 27:33].sum() > 0.95 * seen.sum()


@pytest.mark.parametrize("framing", PLACES)
def test_outside_of_the_square_every_pixel_stays(framing):
    picture = in_bytes(torch.rand(120, 140, 3, generator=torch.Generator().manual_seed(2)))
    laid = Pasting(picture, framing, 48)(torch.zeros(48, 48, 3, dtype=torch.uint8))
    y, x = torch.meshgrid(torch.arange(120) + 0.5, torch.arange(140) + 0.5, indexing="ij")
    there = framing.to_square(1) @ torch.stack([x.flatten(), y.flatten(), torch.ones(120 * 140)]).double()
    outside = ((there < 0) | (there > 1)).any(0).view(120, 140)
    assert outside.any()
    assert torch.equal(laid[outside], picture[outside])
    assert not torch.equal(laid, picture)


@pytest.mark.parametrize("side", [30, 120, 400])
def test_no_border_is_seen_however_different_the_frame(side):
    """The step from the last pixel outside to the first one inside, white on black."""
    picture = torch.zeros(500, 500, 3, dtype=torch.uint8)
    framing = Framing(250, 250, side)
    white = torch.full((64, 64, 3), 255, dtype=torch.uint8)
    laid = Pasting(picture, framing, 64, match_colours=False)(white)[250, :, 0].int()
    first = 250 - side // 2
    assert laid[first - 1] == 0
    assert laid[first] - laid[first - 1] <= (2 if side > 40 else 8)
    assert laid[250] == 255


def test_a_square_at_the_pictures_own_edge_has_no_border_there():
    picture = torch.zeros(100, 60, 3, dtype=torch.uint8)
    white = torch.full((64, 64, 3), 255, dtype=torch.uint8)
    laid = Pasting(picture, central(100, 60), 64, match_colours=False)(white)
    assert (laid[50] == 255).all()
    assert (laid[20] <= 2).all()


def test_a_square_beyond_the_picture_shows_its_outermost_pixels_and_lands_inside_it():
    picture = smooth_picture()
    framing = framing_of_box((-40, -30, 100, 100), 120, 140)
    frame = crop(picture, framing, 80)
    torch.testing.assert_close(frame[0, 0], picture[0, 0], atol=0.02, rtol=0)
    laid = Pasting(picture, framing, 80)(frame)
    assert laid.shape == picture.shape
    assert (laid - picture).abs().max() <= 1 / 255


def test_what_moved_across_the_border_changes_no_colours():
    picture = smooth_picture(100, 100)
    framing = Framing(50, 50, 64)
    frame = picture[18:82, 18:82].clone()
    frame[52:] = 0.05  # a dark garment that the picture does not show there
    laid = Pasting(picture, framing, 64)(frame)
    assert (laid[30:50, 30:70] - picture[30:50, 30:70]).abs().max() < 2 / 255


def test_a_change_of_all_colours_is_matched_once_and_not_frame_by_frame():
    picture = in_bytes(smooth_picture())
    framing = Framing(70, 60, 80)
    frame = crop(picture / 255, framing, 80)
    tinted = in_bytes((frame * 0.9 + torch.tensor([0.05, 0.02, 0.0])).clamp(0, 1))
    pasting = Pasting(picture, framing, 80)
    assert (pasting(tinted).int() - picture.int()).abs().max() <= 3
    brighter = in_bytes((frame + 0.1).clamp(0, 1))
    assert (pasting(brighter)[60, 70].int() - picture[60, 70].int()).abs().min() > 15


def test_a_wholly_different_frame_is_not_stretched_to_fit():
    picture = torch.zeros(100, 120, 3, dtype=torch.uint8)
    noise = in_bytes(torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(0)))
    middle = Pasting(picture, Framing(60, 50, 64), 64)(noise)[40:60, 50:70].float()
    there = noise[22:42, 22:42].float()
    assert 0.75 < middle.std() / there.std() < 1.1


def test_larger_frames_than_announced_fill_the_same_square():
    picture = smooth_picture()
    framing = Framing(70, 60, 80)
    pasting = Pasting(picture, framing, 40)
    laid = pasting(crop(picture, framing, 160))
    assert (laid - picture).abs().max() <= 1.5 / 255


def test_a_mask_says_what_may_move():
    picture = torch.zeros(100, 120, 3)
    mask = torch.zeros(100, 120)
    mask[50:60, 50:70] = 1
    mask[:5] = 1  # outside of the square
    laid = Pasting(picture, Framing(60, 50, 64), 64, mask=mask, match_colours=False)(torch.ones(64, 64, 3))
    assert torch.equal(laid[..., 0] > 0, (mask > 0) & (torch.arange(100)[:, None] > 5))
    with pytest.raises(KeyFaceError, match=r"60 x 50 pixels and the picture 120 x 100"):
        Pasting(picture, Framing(60, 50, 64), 64, mask=mask[::2, ::2])
    with pytest.raises(KeyFaceError, match="hides the whole face"):
        Pasting(picture, Framing(60, 50, 64), 64, mask=torch.zeros(100, 120))


def test_a_videos_frames_each_get_their_own():
    picture = torch.zeros(60, 80, 3, dtype=torch.uint8)
    pasting = Pasting(picture, Framing(40, 30, 32), 32, match_colours=False)
    frames = torch.full((3, 32, 32, 3), 255, dtype=torch.uint8)
    behind = [torch.full_like(picture, level) for level in (10, 20, 30)]
    laid = list(pasting.stream([frames[:2], frames[2:]], behind))
    assert [int(frame[0, 0, 0, 0]) for frame in laid] == [10, 20, 30]
    assert all(int(frame[0, 30, 40, 0]) == 255 for frame in laid)
    with pytest.raises(KeyFaceError, match="80 x 40 pixels, and the face was cut from one of 80 x 60"):
        pasting(frames[0], picture[:40])


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((0, 0, 0, 10), "0 by 10 pixels"),
        ((0, 0, -5, 10), "-5 by 10 pixels"),
        ((200, 0, 10, 10), "outside the picture of 140 x 120"),
        ((0, -50, 10, 50), "outside the picture"),
        ((0, 0, 10), "four numbers"),
        ("0,0,10,10", "four numbers"),
        (None, "four numbers"),
        ((0, 0, float("nan"), 10), "finite number"),
        ((0, 0, 1e9, 10), "finite number"),
    ],
)
def test_a_box_that_names_nothing_is_one_sentence(box, said):
    with pytest.raises(KeyFaceError, match=said):
        framing_of_box(box, 120, 140)


def test_a_box_of_any_shape_is_the_square_around_its_middle():
    assert framing_of_box((10, 20, 30, 50), 120, 140) == Framing(25, 45, 50)


def test_a_box_counts_the_pixels_of_the_file_even_where_that_is_read_smaller(tmp_path, monkeypatch):
    Image.new("RGB", (400, 300)).save(tmp_path / "large.png")
    monkeypatch.setattr(pictures, "MAX_EXACT_PIXELS", 10_000)
    material = read_material(tmp_path / "large.png", voice(0.1), face=(200, 100, 80, 80))
    assert material.picture.shape == (3, 75, 100)
    assert material.framing == Framing(60, 35, 20)


def test_a_whole_picture_is_no_larger_than_players_expect():
    picture = smooth_picture(60, 200).permute(2, 0, 1)
    smaller, place = at_most(picture, Framing(100, 30, 40), 100)
    assert smaller.shape == (3, 30, 100)
    assert place == Framing(50, 15, 20)
    assert at_most(picture, place, 200) == (picture, place)


def test_a_clip_gives_the_whole_picture_back(tmp_path):
    picture = smooth_picture(91, 133).permute(2, 0, 1) * 2 - 1
    keyface = tiny_keyface()
    options = {"face": (40, 20, 50, 50), "steps": 1, "batch": 4}
    alone = torch.cat(list(keyface.animate(picture, voice(1), **options)))
    clip = keyface.animate(picture, voice(1), full_frame=True, **options)
    frames = torch.cat(list(clip))
    assert (clip.height, clip.width) == (91, 133)
    assert frames.shape == (25, 91, 133, 3)
    outside = torch.ones(91, 133, dtype=torch.bool)
    outside[20:70, 40:90] = False
    still = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0)
    assert all(torch.equal(frame[outside], still[outside]) for frame in frames)
    assert (alone.float().diff(dim=0).abs().amax() > 0) == (frames.float().diff(dim=0).abs().amax() > 0)
    assert not torch.equal(frames[0], still)


def test_the_latent_is_of_the_square_that_was_named():
    keyface = tiny_keyface()
    picture = torch.zeros(3, 100, 200)
    picture[:, 20:84, 100:164] = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    named = keyface.encode_portrait(picture, framing_of_box((100, 20, 64, 64), 100, 200))
    alone = keyface.encode_portrait(picture[:, 20:84, 100:164])
    torch.testing.assert_close(named, alone, atol=1e-4, rtol=1e-4)


def test_frames_of_4k_take_little_more_memory_than_themselves():
    """Blending goes strip by strip: floating point copies of a whole frame would be 16 times its bytes."""
    picture = torch.zeros(2160, 3840, 3, dtype=torch.uint8)
    pasting = Pasting(picture, Framing(1920, 1080, 2000), 64, match_colours=False)
    frame = torch.full((64, 64, 3), 200, dtype=torch.uint8)
    with LiveBytes() as memory:
        pasting(frame)
    assert picture.numel() <= memory.peak <= 2 * picture.numel()


FRONT = Face(60, 30, 40, 50, 0.9, ((72, 50), (92, 50)), (82, 62), ((75, 72), (89, 72)))


def with_detector(monkeypatch, *faces):
    monkeypatch.setattr(finding, "find_detector", lambda: None if faces == (None,) else lambda _: list(faces))


def test_a_face_that_is_found_is_framed_as_in_training(monkeypatch):
    with_detector(monkeypatch, FRONT)
    picture = torch.zeros(3, 200, 300)
    found = finding.find_face(picture)
    eyes = found.framing.to_square(1) @ torch.tensor([[72.0, 92], [50, 50], [1, 1]]).double()
    assert eyes[1].tolist() == pytest.approx([EYE_LINE, EYE_LINE])
    assert float(eyes[0, 1] - eyes[0, 0]) == pytest.approx(EYE_DISTANCE)


def test_a_face_that_fills_its_picture_stays_as_large_as_it_is():
    for height, width in ((60, 60), (60, 90)):
        close = Face(5, 5, 50, 50, 0.9, ((18, 25), (42, 25)), (30, 35), ((22, 46), (38, 46)))
        framing = finding.found_among([close], (height, width)).framing
        assert framing.side == 60
        assert 30 <= framing.x <= width - 30
        assert framing.y == 30


def test_a_leaning_head_is_levelled_and_a_detector_s_noise_is_not_taken_for_lean():
    for lean, angle in ((1.0, 0.0), (20.0, 20.0)):
        down = 20 * math.tan(math.radians(lean))
        face = Face(60, 30, 40, 50, 0.9, ((72, 50), (92, 50 + down)), (82, 62))
        assert finding.found_among([face], (200, 300)).framing.angle == pytest.approx(angle)


def test_the_face_that_is_meant_is_the_one_that_is_cut(monkeypatch, tmp_path):
    other = Face(200, 30, 30, 40, 0.8)
    with_detector(monkeypatch, FRONT, other)
    picture = torch.zeros(3, 200, 300)
    centres = {
        which: read_material(picture, voice(0.1), face=which).framing.x
        for which in ("largest", 1, 2, (210.0, 40.0))
    }
    assert centres["largest"] == centres[1] < 120 < 200 < centres[2] == centres[210.0, 40.0]
    with pytest.raises(KeyFaceError, match="number 3 from the left is none of them"):
        read_material(picture, voice(0.1), face=3)
    with pytest.raises(KeyFaceError, match="largest"):
        read_material(picture, voice(0.1), face=True)


def test_without_a_face_or_a_detector_there_is_a_sentence_that_helps(monkeypatch):
    picture = torch.zeros(3, 50, 60)
    for found, said in (((), "no face was found"), ((None,), "no face detector is installed: pip install")):
        with_detector(monkeypatch, *found)
        with pytest.raises(finding.NoFaceError, match=said):
            finding.find_face(picture)


def test_an_extreme_pose_is_warned_of(monkeypatch):
    aside = Face(60, 30, 40, 50, 0.9, ((72, 50), (92, 50)), (95, 62))
    with_detector(monkeypatch, aside)
    with pytest.warns(UserWarning, match="turned far aside"):
        finding.find_face(torch.zeros(3, 200, 300))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((FRONT,), "the square of 87 pixels around 80,"),
        ((FRONT, Face(200, 30, 30, 40, 0.8)), "2 faces were found, the largest is taken"),
        ((), "no face was found in the picture"),
        ((None,), "no face detector is installed"),
    ],
)
def test_the_command_says_what_it_did_about_the_face(found, said, monkeypatch, tmp_path, capsys):
    with_detector(monkeypatch, *found)
    Image.new("RGB", (300, 200)).save(tmp_path / "holiday.png")
    command = [
        "animate",
        tmp_path / "holiday.png",
        recorded(tmp_path / "a.wav", 0.2),
        "-o",
        tmp_path / "a.mp4",
    ]
    assert main([*map(str, command), "--model", str(tiny_folder()), "--steps", "1"]) == 0
    assert said in capsys.readouterr().err


def test_a_square_picture_that_shows_a_face_as_in_training_is_taken_as_it_is(monkeypatch, tmp_path, capsys):
    eyes, speech = ((40, 54), (62, 54)), recorded(tmp_path / "a.wav", 0.2)
    with_detector(monkeypatch, Face(20, 20, 60, 65, 0.9, eyes, (51, 66)))
    for size, said in (((100, 100), "the whole picture"), ((101, 100), "the square of 96 pixels")):
        Image.new("RGB", size).save(tmp_path / "portrait.png")
        command = ["animate", tmp_path / "portrait.png", speech, "-o", tmp_path / "a.mp4"]
        assert main([*map(str, command), "--model", str(tiny_folder()), "--steps", "1"]) == 0
        assert said in capsys.readouterr().err
