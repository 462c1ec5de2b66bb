"""Makes the moving thumbnails of the templates from what the small model really makes: workflows/<title>.jpg.

    python scripts/picture_templates.py [TITLE ...]

ComfyUI's template browser asks for a pack's thumbnails as .jpg, and for no other name; browsers go by what a
picture holds, so these are animated WebP under that name. The template that needs the released weights shows
the photograph and the recording that go in, for those weights are not at hand.
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import torch
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from picture_scene import FEELING as FILMED
from workflow_parts import LEFT, RIGHT

from keyface_lib import KeyFace, Person, small
from keyface_lib.audio import load_audio
from keyface_lib.audio.peaks import peaks_of
from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.method.timeline import FPS, KEYFRAME_STEP, SAMPLES_PER_FRAME

ROOT = Path(__file__).parents[1]
SCENE = ROOT / "assets" / "scene.jpg"
SIDE, STRIP, EVERY, LAST = 384, 72, 2, 96
"""Pixels of a thumbnail and of the strip below a face; every second of the first frames is shown."""
HAPPY, CHANGING = "happy*0.7", "0:sad 1.2:neutral 2.4:surprised 3.6:happy"
QUALITIES, LARGEST = (55, 40, 28, 18, 10), 150_000
DARK, WAVE, PLAYED, VALENCE, AROUSAL = "#15171c", "#4f6d94", "#9cc4f5", "#57b87f", "#e0913c"


@cache
def model() -> KeyFace:
    return KeyFace.from_pretrained(device="cpu")


@cache
def faces(emotion: str, seed: int = 0) -> list[Image.Image]:
    """The first frames of a clip, as the model makes them."""
    heard = load_audio(small.SPEECH)[: LAST * SAMPLES_PER_FRAME]
    frames = torch.cat(list(model().animate(small.PORTRAIT, heard, emotion, seed=seed)))
    return [Image.fromarray(frame.numpy()) for frame in frames]


@cache
def keyframes(emotion: str) -> torch.Tensor:
    """The keyframes of the clip of `faces`."""
    heard = load_audio(small.SPEECH)[: LAST * SAMPLES_PER_FRAME]
    return torch.cat(list(model().animate(small.PORTRAIT, heard, emotion).animation.keyframes()))


@cache
def with_held(held: str, rolled: tuple[int, ...], seed: int) -> list[Image.Image]:
    """The first frames of a happy clip whose keyframes are those of a feeling, but some rolled again."""
    heard, options = load_audio(small.SPEECH)[: LAST * SAMPLES_PER_FRAME], {"reroll": rolled, "seed": seed}
    frames = torch.cat(list(model().animate(small.PORTRAIT, heard, HAPPY, held=keyframes(held), **options)))
    return [Image.fromarray(frame.numpy()) for frame in frames]


def sized(face: Image.Image, side: int) -> Image.Image:
    return face.resize((side, side), Image.LANCZOS)


def with_strip(face: Image.Image, strip: Image.Image) -> Image.Image:
    picture = Image.new("RGB", (SIDE, SIDE), DARK)
    above = SIDE - STRIP
    picture.paste(sized(face, above), (STRIP // 2, 0))
    picture.paste(strip, (0, above))
    return picture


def sound_strip(peaks: torch.Tensor, frame: int | None) -> Image.Image:
    """The recording as a wave, brighter where it was heard."""
    strip = Image.new("RGB", (SIDE, STRIP), DARK)
    draw, step, middle = ImageDraw.Draw(strip), SIDE / len(peaks), STRIP / 2
    for index, (low, high) in enumerate(peaks.tolist()):
        x = index * step
        colour = WAVE if frame is None or index > frame else PLAYED
        draw.rectangle((x, middle - 30 * high, x + step - 1, middle - 30 * low), colour)
    return strip


def feeling_strip(emotion: str, n_frames: int, frame: int) -> Image.Image:
    """Valence and arousal over time, with a line where the clip is."""
    strip = Image.new("RGB", (SIDE, STRIP), DARK)
    draw = ImageDraw.Draw(strip)
    for lane, colour in zip(parse_emotion(emotion).at_frames(n_frames), (VALENCE, AROUSAL), strict=True):
        points = [(i * SIDE / n_frames, STRIP / 2 - 28 * v) for i, v in enumerate(lane.tolist())]
        draw.line(points, colour, 3)
    x = frame * SIDE / n_frames
    draw.line((x, 4, x, STRIP - 4), "white", 2)
    return strip


def keyframe_strip(clip: list[Image.Image], frame: int) -> Image.Image:
    """Keyframes side by side, framed where the clip is between them."""
    strip, side = Image.new("RGB", (SIDE, STRIP), DARK), STRIP - 8
    draw, shown = ImageDraw.Draw(strip), frame // KEYFRAME_STEP
    first = max(0, min(shown - 1, (len(clip) - 1) // KEYFRAME_STEP - 4))
    for place in range(5):
        index = (first + place) * KEYFRAME_STEP
        if index < len(clip):
            x = 8 + place * (side + 12)
            strip.paste(sized(clip[index], side), (x, 4))
            if first + place in (shown, shown + 1):
                draw.rectangle((x - 2, 2, x + side + 1, STRIP - 3), outline="white", width=2)
    return strip


def sheet(clips: list[list[Image.Image]], frame: int, columns: int, apart: int = 0) -> Image.Image:
    """Clips side by side; with one clip, moments of it that lie `apart` frames from each other."""
    picture, side = Image.new("RGB", (SIDE, SIDE), DARK), SIDE // columns
    for place in range(columns**2):
        clip = clips[place % len(clips)]
        face = sized(clip[(frame + place * apart) % len(clip)], side - 4)
        picture.paste(face, (place % columns * side + 2, place // columns * side + 2))
    return picture


def small_and_large(face: Image.Image) -> Image.Image:
    """A frame as large as the model makes it, in a corner of itself enlarged."""
    picture = sized(face, SIDE)
    picture.paste(face, (SIDE - face.width - 12, SIDE - face.height - 12))
    edge = (SIDE - face.width - 14, SIDE - face.height - 14, SIDE - 11, SIDE - 11)
    ImageDraw.Draw(picture).rectangle(edge, outline="white", width=2)
    return picture


def speaking(frame: int) -> Image.Image:
    heard = peaks_of(load_audio(small.SPEECH))[:LAST]
    return with_strip(faces(HAPPY)[frame], sound_strip(heard, frame))


def changing(frame: int) -> Image.Image:
    return with_strip(faces(CHANGING)[frame], feeling_strip(CHANGING, LAST, frame))


def repaired(frame: int) -> Image.Image:
    """Every second another attempt at the keyframe that is on its way."""
    attempt = with_held(HAPPY, (2 + 2 * (frame // FPS),), 1 + frame // FPS)
    return with_strip(attempt[frame], keyframe_strip(attempt, frame))


def retouched(frame: int) -> Image.Image:
    """A surprised keyframe in a happy clip."""
    clip = with_held("surprised", (0, 1, 2, 3, 5, 6, 7, 8), 0)
    return with_strip(clip[frame], keyframe_strip(clip, frame))


@cache
def whole_pictures() -> list[Image.Image]:
    """The scene of which one person speaks."""
    heard = load_audio(small.SPEECH)[: LAST * SAMPLES_PER_FRAME]
    clip = model().animate(SCENE, heard, HAPPY, face=square(LEFT), full_frame=True)
    return [Image.fromarray(frame.numpy()) for frame in torch.cat(list(clip))]


@cache
def conversation() -> list[Image.Image]:
    """The scene of which one person speaks first, then the other."""
    heard, half = load_audio(small.SPEECH), LAST // 2 * SAMPLES_PER_FRAME
    silence = torch.zeros(half)
    people = [
        Person(square(LEFT), torch.cat([heard[:half], silence]), HAPPY),
        Person(square(RIGHT), torch.cat([silence, heard[half : 2 * half]]), "surprised*0.6"),
    ]
    frames = torch.cat(list(model().animate_people(SCENE, people)))
    return [Image.fromarray(frame.numpy()) for frame in frames]


def square(box: str) -> tuple[float, ...]:
    return tuple(map(float, box.split(",")))


def wide(picture: Image.Image, strip: Image.Image) -> Image.Image:
    """A wide picture above a strip, in the middle."""
    whole = Image.new("RGB", (SIDE, SIDE), DARK)
    height = SIDE * picture.height // picture.width
    top = (SIDE - STRIP - height) // 2
    whole.paste(picture.resize((SIDE, height), Image.LANCZOS), (0, top))
    whole.paste(strip, (0, SIDE - STRIP))
    return whole


def talking_photo(frame: int) -> Image.Image:
    return wide(whole_pictures()[frame], sound_strip(peaks_of(load_audio(small.SPEECH))[:LAST], frame))


def two_talk(frame: int) -> Image.Image:
    return wide(conversation()[frame], sound_strip(peaks_of(load_audio(small.SPEECH))[:LAST], frame))


def enlarged(frame: int) -> Image.Image:
    """The face, large, and in a corner the picture that it is laid back into."""
    x, y, side, _ = map(int, square(LEFT))
    picture = whole_pictures()[frame]
    face = sized(picture.crop((x, y, x + side, y + side)), SIDE)
    inset = picture.resize((160, 90), Image.LANCZOS)
    place = (SIDE - 160 - 12, SIDE - 90 - 12)
    face.paste(inset, place)
    edge = (place[0] - 2, place[1] - 2, place[0] + 161, place[1] + 91)
    ImageDraw.Draw(face).rectangle(edge, outline="white", width=2)
    return face


def twice_as_many(frame: int) -> Image.Image:
    """A face above frames that are made, and smaller ones that are put between them."""
    strip = Image.new("RGB", (SIDE, STRIP), DARK)
    draw, side = ImageDraw.Draw(strip), STRIP - 20
    for place in range(-1, 6):
        index = min(max(frame + place - 2, 0), LAST - 1)
        x = round((place + 0.5 - frame % 2 / 2) * 76)
        strip.paste(sized(faces(HAPPY)[index], side), (x, 10))
        draw.rectangle((x + side + 2, STRIP // 2 - 8, x + side + 10, STRIP // 2 + 8), PLAYED)
    return with_strip(faces(HAPPY)[frame], strip)


@cache
def filmed() -> list[Image.Image]:
    """The frames of the example video."""
    with av.open(str(ROOT / "assets" / "feeling.mp4")) as video:
        return [frame.to_image() for frame in video.decode(video=0)]


def followed(frame: int) -> Image.Image:
    """A filmed face, the curve of its feeling, and the face that is made with it."""
    picture = Image.new("RGB", (SIDE, SIDE), DARK)
    side = SIDE // 2 - 3
    for left, face in ((0, filmed()[frame]), (SIDE - side, faces(FILMED)[frame])):
        picture.paste(sized(face, side), (left, (SIDE - STRIP - side) // 2))
    picture.paste(feeling_strip(FILMED, LAST, frame), (0, SIDE - STRIP))
    return picture


@cache
def performing(head_motion: float, expression: float) -> list[Image.Image]:
    heard = load_audio(small.SPEECH)[: LAST * SAMPLES_PER_FRAME]
    strengths = {"head_motion": head_motion, "expression": expression}
    frames = torch.cat(list(model().animate(small.PORTRAIT, heard, HAPPY, **strengths)))
    return [Image.fromarray(frame.numpy()) for frame in frames]


def strengths(frame: int) -> Image.Image:
    """The same clip four times: still and lively heads side by side, weak above strong feelings."""
    clips = [performing(motion, expression) for expression in (0.3, 1.8) for motion in (0.0, 1.8)]
    return sheet(clips, frame, 2)


def photograph(_frame: int) -> Image.Image:
    picture = Image.open(ROOT / "assets" / "portrait.jpg").convert("RGB")
    heard = peaks_of(load_audio(ROOT / "assets" / "speech.flac"))
    return with_strip(picture, sound_strip(heard, None))


PICTURES: dict[str, Callable[[int], Image.Image]] = {
    "Photographs with the released weights": photograph,
    "A change of feeling": changing,
    "A feeling from a video": followed,
    "Head motion and expression": strengths,
    "Edit the keyframes": lambda i: with_strip(faces(CHANGING)[i], keyframe_strip(faces(CHANGING), i)),
    "Repair one keyframe and interpolate": repaired,
    "Retouch a keyframe and pin it": retouched,
    "Portrait and voice to video": speaking,
    "Talking photo, full frame": talking_photo,
    "Two people talking": two_talk,
    "Enlarge the face and paste it back": enlarged,
    "Fifty frames a second": twice_as_many,
    "Larger pictures": lambda i: small_and_large(faces(HAPPY)[i]),
    "Minutes and hours": lambda i: sheet([faces(HAPPY)], i, 3, apart=11),
    "Your own sampler and schedule": lambda i: sheet([faces(HAPPY, seed) for seed in range(4)], i, 2),
}
"""{title of a template: its picture at a frame}."""


def write(title: str) -> None:
    """The moving picture of a template, of the best quality that is small enough."""
    path = ROOT / "workflows" / f"{title}.jpg"
    pictures = [PICTURES[title](frame) for frame in range(0, LAST, EVERY)]
    rest = [] if PICTURES[title] is photograph else pictures[1:]
    timing = {"duration": round(1000 * EVERY / FPS), "loop": 0}
    for quality in QUALITIES:
        pictures[0].save(path, "WEBP", save_all=True, append_images=rest, quality=quality, method=6, **timing)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.name}: {path.stat().st_size // 1000} kB", flush=True)


def main() -> None:
    for title in sys.argv[1:] or PICTURES:
        write(title)


if __name__ == "__main__":
    main()
