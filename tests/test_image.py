"""Pictures of every kind become one kind of tensor, or one clear line says why not."""

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from keyface_lib.errors import KeyFaceError
from keyface_lib.media import image as media_image
from keyface_lib.media.image import load_image, square

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def saved(path, picture, **options):
    picture.save(path, **options)
    return path


def readable(path):
    """Whether Pillow reads a picture at all."""
    try:
        Image.open(path).load()
    except OSError:
        return False
    return True


def levels(picture: Image.Image) -> torch.Tensor:
    """What a picture of 8-bit RGB must become."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1) / 127.5 - 1


def test_rgb_is_read_exactly(tmp_path):
    image = load_image(saved(tmp_path / "a.png", Image.fromarray(PIXELS)))
    assert image.dtype == torch.float32
    assert torch.allclose(image, levels(Image.fromarray(PIXELS)), atol=1e-6)
    assert (image.min(), image.max()) == (-1, 1)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("1", "png"), ("P", "png"), ("P", "gif"), ("CMYK", "tif"), ("YCbCr", "tif")],
)
def test_other_modes_become_the_rgb_they_show(tmp_path, mode, suffix):
    picture = Image.fromarray(PIXELS).convert(mode)
    path = saved(tmp_path / f"a.{suffix}", picture)
    if not readable(path):
        pytest.skip(f"Pillow {PIL.__version__} cannot read what it wrote: a TIFF in YCbCr")
    image = load_image(path)
    assert image.shape == (3, 12, 20)
    assert torch.allclose(image, levels(picture), atol=1e-6)


def test_16_bits_keep_their_precision(tmp_path):
    depth = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    depth[-1, -1] = 65535
    image = load_image(saved(tmp_path / "a.png", Image.fromarray(depth)))
    expected = torch.from_numpy(depth.astype(np.float32)) / 32767.5 - 1
    assert torch.allclose(image, expected.expand(3, -1, -1), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*transparent parts")
def test_beneath_transparency_the_colours_of_the_file_are_taken_as_load_image_does(tmp_path):
    rgba = np.dstack([PIXELS, np.full((12, 20), 255, np.uint8)])
    rgba[:, :10, 3] = 0
    rgba[0, 15, 3] = 51
    image = load_image(saved(tmp_path / "a.png", Image.fromarray(rgba)))
    assert torch.allclose(image, levels(Image.fromarray(PIXELS)), atol=1e-6)


def test_a_transparent_palette_colour_is_the_colour_of_the_palette(tmp_path):
    picture = Image.fromarray(np.eye(4, dtype=np.uint8), "P")
    picture.putpalette([255, 0, 0, 0, 255, 0])
    with pytest.warns(UserWarning, match=r"a\.png: has transparent parts"):
        image = load_image(saved(tmp_path / "a.png", picture, transparency=0))
    assert image[:, 0, 1].tolist() == [1, -1, -1]
    assert image[:, 0, 0].tolist() == [-1, 1, -1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_rotation_is_applied(tmp_path, orientation):
    picture = Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = load_image(saved(tmp_path / "a.png", picture, exif=exif))
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    for turn in turns.get(orientation, []):
        picture = picture.transpose(turn)
    assert torch.allclose(image, levels(picture), atol=1e-6)


def test_of_an_animation_the_first_frame_is_taken_with_a_warning(tmp_path):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "green", "blue")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r"a\.gif: has several frames"):
        image = load_image(path)
    assert torch.allclose(image, levels(frames[0]), atol=1e-6)


def test_one_pixel_is_a_picture(tmp_path):
    image = load_image(saved(tmp_path / "a.png", Image.new("L", (1, 1), 255)))
    assert image.flatten().tolist() == [1, 1, 1]
    assert torch.equal(square(image, 16), torch.ones(3, 16, 16))


@pytest.mark.parametrize("shape", [(32, 96), (96, 32), (33, 32)])
def test_square_takes_the_centre(shape):
    height, width = shape
    image = torch.full((3, height, width), -1.0)
    image[:, (height - 32) // 2 :, (width - 32) // 2 :] = 1
    image[:, (height - 32) // 2 + 32 :] = -1
    image[:, :, (width - 32) // 2 + 32 :] = -1
    assert torch.equal(square(image, 32), torch.ones(3, 32, 32))


def test_square_shrinks_without_aliasing_and_stays_in_range():
    grain = torch.rand(3, 512, 512, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert square(grain, 64).std() < 0.15 * grain.std()
    edge = torch.cat([-torch.ones(3, 8, 4), torch.ones(3, 8, 4)], dim=2)
    assert square(edge, 64).abs().max() == 1


def test_a_damaged_or_wrong_file_is_refused_in_one_line_that_names_it(tmp_path):
    photo = saved(tmp_path / "whole.jpg", Image.fromarray(PIXELS.repeat(20, 0).repeat(20, 1))).read_bytes()
    (tmp_path / "truncated.jpg").write_bytes(photo[: len(photo) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    saved(tmp_path / "float.tif", Image.fromarray(np.ones((2, 2), np.float32)))
    saved(tmp_path / "deep.tif", Image.fromarray(np.full((2, 2), 70_000, np.int32)))
    reasons = {
        "truncated.jpg": "truncated",
        "text.png": "is not a picture",
        "empty.png": "is not a picture",
        "folder.png": "is a folder, not a picture",
        "missing.png": "no such picture",
        "float.tif": "floating point",
        "deep.tif": "16 bits",
    }
    for name, reason in reasons.items():
        with pytest.raises(KeyFaceError) as refused:
            load_image(tmp_path / name)
        assert str(refused.value).startswith(str(tmp_path / name))
        assert reason in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", Image.new("1", (20_000, 10_000)))
    with pytest.raises(KeyFaceError, match="more than 100 million pixels"):
        load_image(path)
    monkeypatch.setattr(media_image, "MAX_PIXELS", 100)
    with pytest.raises(KeyFaceError, match="make it smaller"):
        load_image(saved(tmp_path / "b.png", Image.new("L", (11, 10))))
