"""Pictures as phones, cameras and broken downloads leave them: each as a viewer shows it, or one line."""

import io
import struct
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageFile

from keyface_lib.errors import KeyFaceError
from keyface_lib.media import image as media_image
from keyface_lib.media.image import from_pil, load_image, square

P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.1571, 0.06657, 0.78407),
}
P3_TO_SRGB = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + struct.pack(
    ">5i", *(round(x * 65536) for x in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
POWER = b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", round(1.8 * 65536))


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of the fourth version with the tags given."""
    tags = {b"wtpt": xyz(0.9642, 1, 0.8249), **tags}
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    head = struct.pack(
        ">I4sI4s4s4s",
        place + len(body),
        b"lcms",
        0x04200000,
        b"prtr" if space == b"CMYK" else b"mntr",
        space,
        b"Lab " if space == b"CMYK" else b"XYZ ",
    )
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def cmyk_profile() -> bytes:
    """Of a press whose black ink alone darkens, evenly in lightness, and whose colours leave no trace."""
    grid = [(255 * (1 - k), 128, 128) for _ in range(2**3) for k in (0, 1)]
    table = b"mft1\0\0\0\0\4\3\2\0" + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = bytes(range(256))
    return profile(b"CMYK", {b"A2B0": table + ramp * 4 + bytes(v for row in grid for v in row) + ramp * 3})


DISPLAY_P3 = profile(
    b"RGB ",
    {
        **{name: xyz(*value) for name, value in P3.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), SRGB_CURVE),
    },
)
GREY = profile(b"GRAY", {b"kTRC": POWER})
PATCHES = np.array(
    [[[200, 120, 110], [90, 160, 90], [60, 70, 150]], [[225, 180, 160], [128, 128, 128], [40, 90, 70]]],
    np.uint8,
)


def linear(levels: np.ndarray) -> np.ndarray:
    levels = levels / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


SHOWN = encoded(linear(PATCHES) @ P3_TO_SRGB.T)


def read(path, picture: Image.Image, **options) -> np.ndarray:
    """(height, width, 3) levels of a picture once written and read."""
    picture.save(path, **options)
    return ((load_image(path).permute(1, 2, 0) + 1) * 127.5).numpy()


def large(pixels: np.ndarray) -> Image.Image:
    """Patches of 16 pixels, which survive lossy coding."""
    return Image.fromarray(pixels.repeat(16, 0).repeat(16, 1))


LOSSY = {
    "jpg": {"quality": 98, "subsampling": 0},
    "webp": {"lossless": True},
    "avif": {"quality": 95, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif"])
def test_display_p3_is_shown_as_a_viewer_shows_it_in_every_format_that_carries_a_profile(tmp_path, suffix):
    if suffix == "avif" and "AVIF" not in Image.registered_extensions().values():
        pytest.skip("this Pillow reads no AVIF")
    shown = read(tmp_path / f"a.{suffix}", large(PATCHES), icc_profile=DISPLAY_P3, **LOSSY.get(suffix, {}))
    assert np.abs(shown[8::16, 8::16] - SHOWN).max() < (8 if suffix in ("jpg", "avif") else 1.5)
    assert np.abs(PATCHES - SHOWN).max() > 6


@pytest.mark.filterwarnings("ignore:.*transparent parts")
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "P with transparency"])
def test_every_mode_with_colour_is_converted(tmp_path, mode):
    picture, options = Image.fromarray(PATCHES), {}
    if mode == "RGBA":
        picture.putalpha(200)
    elif mode.startswith("P"):
        picture = picture.quantize(6)
        options = {"transparency": 0} if "with" in mode else {}
    shown = read(tmp_path / "a.png", picture, icc_profile=DISPLAY_P3, **options)
    assert np.abs(shown - SHOWN).max() < 1.5


@pytest.mark.filterwarnings("ignore:.*transparent parts")
@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "L in RGB's profile"])
def test_grey_of_every_mode_is_converted(tmp_path, mode):
    grey = np.arange(0, 256, 5, dtype=np.uint8).reshape(4, 13)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else Image.fromarray(grey).convert("LA" if mode == "LA" else "L")
    shown = read(tmp_path / "a.png", picture, icc_profile=DISPLAY_P3 if "RGB" in mode else GREY)
    expected = grey if "RGB" in mode else encoded((grey / 255) ** 1.8)
    assert np.abs(shown - expected[..., None]).max() < 2.5


def test_cmyk_is_converted_by_its_profile(tmp_path):
    ink = np.zeros((1, 5, 4), np.uint8)
    ink[..., 3] = (0, 64, 128, 192, 255)
    ink[..., 0] = 255  # of which this press leaves no trace
    shown = read(tmp_path / "a.tif", Image.fromarray(ink, "CMYK"), icc_profile=cmyk_profile())
    lightness = 100 * (1 - ink[0, :, 3] / 255.0)
    light = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    assert np.abs(shown[0] - encoded(light)[:, None]).max() < 3


def test_lab_with_and_without_its_profile_is_the_same(tmp_path):
    lab = Image.fromarray(np.array([[[120, 20, 236], [200, 0, 0], [60, 240, 30]]], np.uint8), "LAB")
    plain = read(tmp_path / "a.tif", lab)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.abs(read(tmp_path / "b.tif", lab, icc_profile=own) - plain).max() <= 2


def test_a_picture_in_srgb_keeps_its_pixels_exactly(tmp_path):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.allclose(
        read(tmp_path / "a.png", Image.fromarray(PATCHES), icc_profile=own), PATCHES, atol=1e-3
    )


BROKEN = {
    "no profile": b"hello",
    "cut": DISPLAY_P3[:200],
    "empty": DISPLAY_P3[:128] + bytes(4),
    "of grey": GREY,
    "of CMYK": cmyk_profile(),
    "of a space there is not": DISPLAY_P3[:16] + b"XXXX" + DISPLAY_P3[20:],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_profile_is_left_out_with_a_warning(tmp_path, kind):
    with pytest.warns(UserWarning, match=r"a\.png: its colour profile cannot be used"):
        shown = read(tmp_path / "a.png", Image.fromarray(PATCHES), icc_profile=BROKEN[kind])
    assert np.allclose(shown, PATCHES, atol=1e-3)


def test_rotation_and_profile_both_count(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = read(tmp_path / "a.png", Image.fromarray(PATCHES), icc_profile=DISPLAY_P3, exif=exif)
    assert np.abs(shown - np.rot90(SHOWN, -1)).max() < 1.5


def test_heic_is_named_with_the_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr(media_image, "_register_heic", lambda: None)
    for brand, more in ((b"heic", b"mif1"), (b"mif1", b"heic"), (b"heix", b"mif1"), (b"msf1", b"hevc")):
        (tmp_path / "a.jpg").write_bytes(
            struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + more + b"miaf" + bytes(99)
        )
        with pytest.raises(
            KeyFaceError, match=r"a\.jpg: is HEIC.*pip install pillow-heif, or save it as JPEG"
        ):
            load_image(tmp_path / "a.jpg")


def photo(size: tuple[int, int] = (320, 240)) -> Image.Image:
    y, x = np.mgrid[: size[1], : size[0]]
    waves = np.stack([128 + 100 * np.sin(x / 30 + y / 50), 128 + 100 * np.sin(y / 20), x * 255 / size[0]], -1)
    noise = np.random.default_rng(0).normal(0, 8, waves.shape)
    return Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8))


CUT = {
    "a.jpg": {},
    "progressive.jpg": {"progressive": True},
    "grey.jpg": {"mode": "L"},
    "cmyk.jpg": {"mode": "CMYK"},
    "a.png": {},
    "interlaced.gif": {"mode": "P"},
    "straight.gif": {"mode": "P", "interlace": 0},
    "palette.png": {"mode": "P"},
    "a.webp": {},
    "lossless.webp": {"lossless": True},
    "a.bmp": {},
    "a.tif": {},
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("missing", [2, 0.01, 0.05, 0.1])
def test_a_picture_that_lacks_its_last_rows_is_opened_with_a_warning(tmp_path, name, missing):
    options = dict(CUT[name])
    picture = photo().convert(options.pop("mode", "RGB"))
    path = tmp_path / name
    picture.save(path, **options)
    whole, data = load_image(path), path.read_bytes()
    path.write_bytes(data[: -missing if missing == 2 else round(len(data) * (1 - missing))])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cut = load_image(path)
    assert cut.shape == whole.shape
    same = ((cut - whole).abs().amax(dim=(0, 2)) < 0.05).sum()
    assert same > (0.9 - 2 * (missing if missing < 1 else 0)) * whole.shape[1]
    assert told or torch.equal(cut, whole)  # a PNG or GIF without its last mark lacks nothing
    assert all("ends too early; its last rows are missing" in str(warning.message) for warning in told)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("missing", [0.5, 0.9, 0.99])
def test_a_picture_of_which_most_is_missing_is_refused(tmp_path, name, missing):
    options = dict(CUT[name])
    picture = photo().convert(options.pop("mode", "RGB"))
    picture.save(tmp_path / name, **options)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: round(len(data) * (1 - missing))])
    with pytest.raises(KeyFaceError, match=f"{name}: .*(truncated|cut off|cannot be read)") as refused:
        load_image(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore:.*transparent parts")
@pytest.mark.parametrize("form", ["RGBA", "LA", "P", "RGB", "L"])
def test_beneath_transparency_are_the_colours_of_the_file_as_load_image_gives_them(tmp_path, form):
    picture, options = Image.fromarray(PATCHES), {}
    if form in ("RGBA", "LA"):
        picture = picture.convert(form)
        picture.putalpha(Image.fromarray(np.array([[0, 100, 255], [255, 0, 7]], np.uint8)))
    else:
        picture = picture.quantize(6) if form == "P" else picture.convert(form)
        options = {"transparency": 0 if form != "RGB" else tuple(PATCHES[0, 0].tolist())}
    shown = read(tmp_path / "a.png", picture, **options)
    by_load_image = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert np.allclose(shown, by_load_image, atol=1e-3)
    assert torch.equal(from_pil(Image.open(tmp_path / "a.png")), load_image(tmp_path / "a.png"))


@pytest.mark.parametrize(("width", "height"), [(20_000, 600), (1, 2000), (300, 100), (100, 300), (64, 20)])
def test_a_long_picture_is_used_with_a_word(width, height):
    longer = max(width, height) / min(width, height)
    shape = "wide as it is high" if width > height else "high as it is wide"
    with pytest.warns(UserWarning, match=f"is {longer:.1f} times as {shape}, and only its central square"):
        square(torch.zeros(3, height, width), 16)


@pytest.mark.parametrize(("width", "height"), [(100, 100), (1920, 1080), (1080, 1920), (200, 100)])
def test_a_usual_picture_is_used_without_a_word(width, height):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        square(torch.zeros(3, height, width), 16)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "1", "I;16"])
def test_a_very_large_picture_is_halved(tmp_path, monkeypatch, mode):
    monkeypatch.setattr(media_image, "MAX_EXACT_PIXELS", 300 * 200)
    grey = Image.new("L", (600, 400), 200)
    picture = Image.new("I;16", (600, 400), 51_400) if mode == "I;16" else grey.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.tif"
    picture.save(path, exif=exif)
    image = load_image(path)
    assert image.shape == (3, 300, 200)
    if mode != "1":
        assert float((image - (200 / 127.5 - 1)).abs().max()) < 0.02


def test_the_content_decides_what_a_picture_is(tmp_path):
    file = io.BytesIO()
    Image.fromarray(PATCHES).save(file, "PNG")
    for name in ("a.eps", "a.jpg", "a.pdf", "a.txt", "a"):
        (tmp_path / name).write_bytes(file.getvalue())
        assert load_image(tmp_path / name).shape == (3, 2, 3)
