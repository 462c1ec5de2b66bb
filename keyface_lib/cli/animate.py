"""`keyface animate` and `keyface demo`."""

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path

from .. import small
from ..clip.inputs import (
    BACKGROUNDS,
    DTYPES,
    SAMPLERS,
    check_file,
    check_folder_of,
    check_model,
    check_new,
    hub_id,
    option,
)
from ..errors import KeyFaceError
from . import live
from .estimate import estimate
from .faces import FaceAction, box, which
from .picture import framed, picture_of, with_face
from .terminal import bar, note
from .work import open_work

_SETTINGS = (
    "seed",
    "steps",
    "sampler",
    "audio_scale",
    "identity_scale",
    "auto_scale",
    "head_motion",
    "expression",
    "keyframes_per_window",
    "batch",
    "interpolation_seed",
)
_MODEL = "a model folder, or hf:OWNER/NAME of the Hugging Face hub; by default the small model in the box"


def add_demo(commands) -> None:
    demo = commands.add_parser("demo", help="make a video of what is in the box: portrait, speech and model")
    demo.add_argument("-o", "--output", default="demo.mp4")
    demo.add_argument("--model", help=_MODEL)
    demo.add_argument("--emotion", default=small.EMOTION, help="neutral, happy, then sad; see animate")
    _add_sampling(demo)
    demo.set_defaults(
        run=run,
        image=small.PORTRAIT,
        audio=small.SPEECH,
        which_face="centre",
        face_box=None,
        at=None,
        full_frame=False,
        background="still",
        face=[],
        apart=False,
        work=None,
        redo=[],
        dry_run=False,
    )


def add(commands) -> None:
    animate = commands.add_parser("animate", help="make a talking video from a portrait and a recording")
    animate.add_argument("image", help="a picture of one face, or a video that shows it")
    animate.add_argument(
        "audio",
        nargs="?",
        help="a sound file, a video with sound, or - for sound that arrives on standard input",
    )
    animate.add_argument(
        "-o", "--output", required=True, help=".mp4, .mkv or .mov, or a folder for PNG files"
    )
    animate.add_argument("--model", help=_MODEL)
    animate.add_argument(
        "--emotion",
        default="neutral",
        help="'happy', '0:neutral 2.5:happy 6:(-0.4,0.9)', JSON text, or a .json or .csv file",
    )
    animate.add_argument(
        "--at",
        type=float,
        metavar="SECONDS",
        help="of a video: when it shows the picture that is animated; by default its first",
    )
    place = animate.add_mutually_exclusive_group()
    place.add_argument(
        "--face-box",
        type=box,
        metavar="X,Y,W,H",
        help="the square of the picture that is animated, in its pixels",
    )
    place.add_argument(
        "--which-face",
        type=which,
        metavar="WHICH",
        help="the face that is looked for: largest, its number from the left, or the nearest to X,Y; centre "
        "takes the central square. By default the largest, or where none is found the centre",
    )
    animate.add_argument(
        "--full-frame", action="store_true", help="give back the whole picture with the face moving in it"
    )
    animate.add_argument(
        "--background",
        choices=BACKGROUNDS,
        default="still",
        help="of a video: moving follows the face through it and lays it into its frames, as --full-frame "
        "lays it into the one it is from",
    )
    animate.add_argument(
        "--face",
        nargs="+",
        action=FaceAction,
        default=[],
        metavar=("FACE AUDIO", "EMOTION"),
        help="one of several people: X,Y,W,H or as --which-face, what it says and feels; once for each, in "
        "place of AUDIO. The whole picture is given back",
    )
    animate.add_argument(
        "--apart", action="store_true", help="several people are heard from left to right, in this order"
    )
    _add_sampling(animate)
    animate.add_argument(
        "--interpolation-seed",
        type=int,
        help="of the frames between the keyframes; another one keeps the keyframes. By default --seed",
    )
    animate.add_argument(
        "--work",
        metavar="DIR",
        help="a folder that keeps what is finished: whatever stopped it, the same command goes on there, and "
        "with changed options it makes only what they touch; see keyface work",
    )
    animate.add_argument(
        "--redo",
        action="append",
        default=[],
        metavar="12.0-15.5",
        help="make a passage of the clip in --work again with a new seed, seconds from the start; may be "
        "given several times. none takes back all that were made again",
    )
    animate.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be made, and how long, how much memory and disk it takes; make nothing",
    )
    animate.set_defaults(run=run)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10, help="10 are the released 11 evaluations")
    parser.add_argument("--sampler", default="euler", help=f"one of: {', '.join(SAMPLERS)}")
    parser.add_argument("--audio-scale", type=float, help="how closely keyframes follow the voice")
    parser.add_argument("--identity-scale", type=float, help="how closely keyframes follow the portrait")
    parser.add_argument("--auto-scale", type=float, help="autoguidance of the frames between")
    parser.add_argument(
        "--head-motion", type=float, metavar="0..2", help="how much the head moves: 0 is still, 1 as trained"
    )
    parser.add_argument(
        "--expression",
        type=float,
        metavar="0..2",
        help="how far feelings show: 0 not at all, 1 as trained",
    )
    parser.add_argument(
        "--keyframes-per-window",
        type=int,
        metavar="1..13",
        help="how many of a window's 13 keyframes are used; fewer for less delay of live sound",
    )
    parser.add_argument("--batch", type=int, help="sequences per network call; by default what fits")
    parser.add_argument("--normalize", action="store_true", help="let the face hear a quiet recording louder")
    parser.add_argument(
        "--silence-gate",
        action="store_true",
        help="keep the mouth shut where nothing is said: room noise, hum and short breaths are not heard",
    )
    parser.add_argument("--device", help="cuda, cuda:1, mps, cpu; by default the best there is")
    parser.add_argument("--dtype", choices=DTYPES, help="by default what the device is best at")
    parser.add_argument("--offload", action="store_true", help="hold only the network at work on the card")
    parser.add_argument("--lossless", action="store_true", help="every pixel as computed")
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")


def run(options: argparse.Namespace) -> None:
    """Makes the video.

    Raises:
        KeyFaceError: an option or input is wrong, which shows in this order: what needs no import, what needs
            torch, what needs the models.
        KeyboardInterrupt: its text says what was written.
    """
    started = time.monotonic()
    settings = _checked(options)
    if options.audio == live.STANDARD_INPUT:
        from ..method.timeline import FPS

        frames = live.run(options, settings)
        _tell(options, {"frames": frames, "seconds": frames / FPS, "seed": options.seed}, started)
        return
    from ..clip.background import check_moves, followed
    from ..clip.devices import device_of
    from ..clip.material import read_material
    from ..clip.people import Person, materials_of
    from ..media.video import check_output

    device = device_of(options.device)
    check_output(options.output, options.lossless, again=options.work is not None)
    if options.background == "moving":
        check_moves(options.image)
    image = picture_of(options)
    people = [Person(*face) for face in options.face]
    if people:
        materials = materials_of(image, people, options.normalize, options.silence_gate)
    else:
        face = options.face_box or (None if options.which_face == "centre" else options.which_face)
        material = read_material(
            image,
            options.audio,
            options.emotion,
            normalize=options.normalize,
            face=face,
            silence_gate=options.silence_gate,
        )
        if options.face_box is None and options.which_face is None:
            material = with_face(material)
        materials = [material]
    for material in materials:
        note(framed(material))
    behind = None
    if options.background == "moving":
        with bar("follow", "frame") as progress:
            behind = followed(options.image, materials[0], options.at or 0.0, progress)
    if options.model is None:
        note(live.said_of_small())
    elif hub_id(options.model):
        note(f"the model is {options.model}: what is not in the hub's cache yet is downloaded")

    from ..clip.settings import settings_from
    from ..method.timeline import FPS
    from ..pipeline import KeyFace

    with ExitStack() as open_until_done:
        work = open_until_done.enter_context(open_work(options.work)) if options.work else None
        keyface = KeyFace.from_pretrained(options.model, device, options.dtype, offload=options.offload)
        chosen = settings_from(keyface.models.default_settings(), **settings)
        with bar("listen", "window") as progress:
            if people:
                clip = keyface.plan_people(
                    materials, chosen, options.apart, audio_progress=progress, work=work, redo=options.redo
                )
            else:
                clip = keyface.plan(
                    materials[0],
                    chosen,
                    audio_progress=progress,
                    full_frame=options.full_frame,
                    background=behind,
                    work=work,
                    redo=options.redo,
                )
        estimate(clip, options)
        if options.dry_run:
            return
        written = 0

        def count(frames: int, _total: int) -> None:
            nonlocal written
            written = frames

        try:
            with bar("animate", "call") as progress:
                clip.report_to(progress)
                clip.save(options.output, options.lossless, count)
        except KeyboardInterrupt:
            kept = "" if work is None else f"; {work.path} keeps what is finished: the same command goes on"
            left = _left(options.output, written, clip.n_frames)
            raise KeyboardInterrupt(f"{left}{kept}") from None
    result = {"frames": clip.n_frames, "seconds": clip.n_frames / FPS, "seed": options.seed}
    _tell(options, result | {"network_calls": clip.calls}, started)


def _tell(options: argparse.Namespace, result: dict, started: float) -> None:
    """Prints what was made."""
    if options.json:
        elapsed = round(time.monotonic() - started, 3)
        print(json.dumps({"output": str(options.output), **result, "elapsed_seconds": elapsed}))
    else:
        print(f"{options.output}: {result['frames']} frames")


def _checked(options: argparse.Namespace) -> dict:
    """The settings among the options, once all that can be known without an import is right."""
    settings = {name: getattr(options, name, None) for name in _SETTINGS}
    for name, value in settings.items():
        if value is not None:
            settings[name] = option(name, value, called=f"--{name.replace('_', '-')}")
    for name in ("device", "emotion"):
        if getattr(options, name) is not None and not getattr(options, name).strip():
            raise KeyFaceError(f"--{name} is empty; leave it out or give a value")
    if options.audio == live.STANDARD_INPUT:
        live.check(options)
        options.output = check_folder_of(options.output, "output")
        return settings
    options.image = check_file(options.image, "picture")
    _check_who_speaks(options)
    check_model(options.model)
    options.output = check_folder_of(options.output, "output")
    if options.redo and not options.work:
        raise KeyFaceError("--redo makes a passage of an earlier run again; name its folder with --work")
    if options.work is not None:
        options.work = check_new(options.work, "work folder")
    return settings


def _check_who_speaks(options: argparse.Namespace) -> None:
    """There is one recording, or one for each of several faces, and all are files."""
    if not options.face:
        if options.audio is None:
            raise KeyFaceError("no recording is given; name a sound file after the picture, or use --face")
        if options.apart:
            raise KeyFaceError("--apart places several people; name each with --face")
        options.audio = check_file(options.audio, "recording")
        return
    given = {
        "AUDIO": options.audio,
        "--face-box": options.face_box,
        "--which-face": options.which_face,
        "--emotion": options.emotion != "neutral",
    }
    if named := [name for name, value in given.items() if value]:
        raise KeyFaceError(
            f"{named[0]} is for a single face; say it of each within --face X,Y,W,H AUDIO EMOTION"
        )
    if options.background == "moving":
        raise KeyFaceError("--background moving follows a single face; leave it out, or name one face")
    options.face = [(face, check_file(audio, "recording"), emotion) for face, audio, emotion in options.face]


def _left(output: Path, written: int, total: int) -> str:
    """What an interrupted run left behind, in words."""
    from ..method.timeline import FPS

    if not written:
        return "nothing was written"
    length = f"{written / FPS:.2f} of {total / FPS:.2f} s"
    if output.is_dir():
        return f"{output} holds the pictures and the sound of {length}"
    return f"{output} holds {length} and plays"
