"""The `keyface` command."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from tqdm import tqdm

from . import small
from .errors import KeyFaceError
from .method.timeline import FPS

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0, 1 for an error told in one line, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyFaceError as error:
        print(f"keyface: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("keyface: stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keyface", description="One portrait and one recording become a talking, feeling face."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_animate(commands)

    init = commands.add_parser("init", help="write a small random model folder, for tests and first steps")
    init.add_argument("folder", type=Path)
    init.add_argument("--size", choices=["tiny"], default="tiny")
    init.add_argument("--seed", type=int, default=0)
    init.set_defaults(run=_init)

    convert = commands.add_parser("convert", help="rewrite released weights in KeyFace's own format")
    convert.add_argument("source", type=Path, metavar="SRC", help="a file, or a folder of released files")
    convert.add_argument("destination", type=Path, metavar="DST", help="a .safetensors file, or a folder")
    convert.set_defaults(run=_convert)

    _add_train(commands)
    _add_toyworld(commands)

    info = commands.add_parser("info", help="say what a weights file holds")
    info.add_argument("file", type=Path)
    info.set_defaults(run=_info)
    return parser


def _add_demo(commands) -> None:
    demo = commands.add_parser("demo", help="make a video of what is in the box: portrait, speech and model")
    demo.add_argument("-o", "--output", type=Path, default=Path("demo.mp4"))
    demo.add_argument("--emotion", default=small.EMOTION, help="neutral, happy, then sad; see animate")
    _add_sampling(demo)
    demo.set_defaults(run=_animate, image=small.PORTRAIT, audio=small.SPEECH, model=None)


def _add_animate(commands) -> None:
    animate = commands.add_parser("animate", help="make a talking video from a portrait and a recording")
    animate.add_argument("image", type=Path)
    animate.add_argument("audio", type=Path)
    animate.add_argument(
        "-o", "--output", type=Path, required=True, help=".mp4, .mkv or .mov, or a folder for PNG files"
    )
    animate.add_argument(
        "--model",
        help="a model folder, or a Hugging Face repository id; by default the small model in the box",
    )
    animate.add_argument(
        "--emotion",
        default="neutral",
        help="'happy', '0:neutral 2.5:happy 6:(-0.4,0.9)', JSON text, or a .json or .csv file",
    )
    _add_sampling(animate)
    animate.set_defaults(run=_animate)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10, help="10 are the released 11 evaluations")
    parser.add_argument("--sampler", default="euler")
    parser.add_argument("--audio-scale", type=float, help="how closely keyframes follow the voice")
    parser.add_argument("--identity-scale", type=float, help="how closely keyframes follow the portrait")
    parser.add_argument("--auto-scale", type=float, help="autoguidance of the frames between")
    parser.add_argument("--batch", type=int, help="sequences per network call; by default what fits")
    parser.add_argument("--device", help="cuda, cuda:1, mps, cpu; by default the best there is")
    parser.add_argument("--dtype", choices=DTYPES, help="by default bfloat16, float32 on the CPU")
    parser.add_argument("--offload", action="store_true", help="hold only the network at work on the card")
    parser.add_argument("--lossless", action="store_true", help="every pixel as computed")
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")


def _add_train(commands) -> None:
    train = commands.add_parser("train", help="train a network or the autoencoder")
    train.add_argument("stage", choices=["keyframes", "interpolation", "reduced", "vae"])
    train.add_argument("config", type=Path, help="a .toml file, see docs/training.md")
    train.add_argument("--minutes", type=float, help="stop after that time, to be resumed")
    train.add_argument("--resume", action="store_true", help="go on where the run stopped or was killed")
    train.set_defaults(run=_train)


def _add_toyworld(commands) -> None:
    toyworld = commands.add_parser("toyworld", help="make labelled clips to train small models on")
    toyworld.add_argument("folder", type=Path, help="for the shards")
    toyworld.add_argument("--clips", type=int, default=100, metavar="N")
    toyworld.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first clip")
    toyworld.add_argument("--seconds", type=float, default=10.0, help="of a clip")
    toyworld.add_argument("--size", type=int, default=64, help="side of the frames in pixels")
    toyworld.add_argument("--split", choices=["train", "test"], default="train")
    toyworld.add_argument("--vae", type=Path, metavar="FILE", help="write its latents too")
    toyworld.add_argument("--no-frames", action="store_true", help="do not write the pixels")
    toyworld.set_defaults(run=_toyworld)


def _animate(options: argparse.Namespace) -> None:
    from .clip.cost import measure
    from .media.video import check_output
    from .pipeline import KeyFace

    started = time.monotonic()
    check_output(options.output, options.lossless)
    _check_numbers(options)
    if options.model is None:
        print(
            f"the model is {small.NAME}: it knows drawn faces of 64 pixels; name a better one with --model",
            file=sys.stderr,
        )
    keyface = KeyFace.from_pretrained(
        options.model, options.device, DTYPES.get(options.dtype), offload=options.offload
    )
    cost = measure(keyface.models)
    with _bar("listen", "window") as progress:
        clip = keyface.animate(
            options.image,
            options.audio,
            options.emotion,
            audio_progress=progress,
            seed=options.seed,
            steps=options.steps,
            sampler=options.sampler,
            audio_scale=options.audio_scale,
            identity_scale=options.identity_scale,
            auto_scale=options.auto_scale,
            batch=options.batch or cost.batch,
        )
    seconds = cost.seconds(clip.animation.calls, clip.animation.timeline.n_segments)
    print(
        f"{clip.n_frames} frames ({clip.n_frames / FPS:.2f} s) at {keyface.models.image_size} pixels on "
        f"{keyface.models.device}, batch {clip.animation.settings.batch}: about {_duration(seconds)}, "
        f"{_gigabytes(cost, clip)} of memory",
        file=sys.stderr,
    )
    with _bar("animate", "call") as clip.animation.progress:
        clip.save(options.output, lossless=options.lossless)
    result = {
        "output": str(options.output),
        "frames": clip.n_frames,
        "seconds": clip.n_frames / FPS,
        "seed": options.seed,
        "network_calls": clip.animation.calls,
        "elapsed_seconds": round(time.monotonic() - started, 3),
    }
    print(json.dumps(result) if options.json else f"{options.output}: {clip.n_frames} frames")


@contextmanager
def _bar(description: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, as a function of (done, total)."""
    with tqdm(desc=description, unit=unit, file=sys.stderr, delay=0.01) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def _check_numbers(options: argparse.Namespace) -> None:
    for name in ("steps", "batch"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise KeyFaceError(f"--{name} is {value}; it must be at least 1")


def _init(options: argparse.Namespace) -> None:
    from .tiny import write_tiny_models

    write_tiny_models(options.folder, seed=options.seed)
    print(f"{options.folder}: a tiny model folder with random weights; its faces are noise")


def _convert(options: argparse.Namespace) -> None:
    from .weights.convert import convert

    for path in convert(options.source, options.destination):
        print(path)


def _train(options: argparse.Namespace) -> None:
    from .train.command import run

    run(options)


def _toyworld(options: argparse.Namespace) -> None:
    from .networks.vae import load_vae
    from .toyworld.dataset import write_clips
    from .weights.checkpoint import read_checkpoint
    from .weights.vae_parts import bare_vae

    vae = None
    if options.vae is not None:
        vae = load_vae(bare_vae(read_checkpoint(options.vae).state_dict), str(options.vae)).float()
    seeds = range(options.first, options.first + options.clips)
    with tqdm(total=len(seeds), desc="clips", unit="clip") as bar:
        shards = write_clips(
            options.folder,
            seeds,
            options.seconds,
            options.size,
            options.split,
            vae,
            not options.no_frames,
            progress=lambda _done: bar.update(),
        )
    print(f"{options.folder}: {len(seeds)} clips in {len(shards)} shards")


def _info(options: argparse.Namespace) -> None:
    from .weights.describe import describe

    print(describe(options.file))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _gigabytes(cost, clip) -> str:
    needed = cost.resident_bytes + cost.sequence_bytes * clip.animation.settings.batch
    return f"{needed / 2**30:.1f} GB"
