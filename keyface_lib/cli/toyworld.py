"""`keyface toyworld`."""

import argparse

from ..clip.inputs import check_file, check_new
from ..method.values import LARGEST_SEED, real, whole

MOST_CLIPS = 1_000_000
LONGEST = 3600.0
"""Seconds of a clip."""
SIDES = (32, 1024)


def add(commands) -> None:
    toyworld = commands.add_parser("toyworld", help="make labelled clips to train small models on")
    toyworld.add_argument("folder", help="for the shards")
    toyworld.add_argument("--clips", type=int, default=100, metavar="N")
    toyworld.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first clip")
    toyworld.add_argument("--seconds", type=float, default=10.0, help="of a clip")
    toyworld.add_argument("--size", type=int, default=64, help="side of the frames in pixels")
    toyworld.add_argument("--split", choices=["train", "test"], default="train")
    toyworld.add_argument("--vae", metavar="FILE", help="write its latents too")
    toyworld.add_argument("--no-frames", action="store_true", help="do not write the pixels")
    toyworld.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Writes the shards; raises a KeyFaceError as `toyworld.dataset.write_clips`."""
    clips = whole("--clips", options.clips, 1, MOST_CLIPS)
    first = whole("--first", options.first, 0, LARGEST_SEED - MOST_CLIPS)
    seconds = real("--seconds", options.seconds, 0.04, LONGEST)
    size = whole("--size", options.size, *SIDES)
    folder = check_new(options.folder, "folder for the shards")
    if options.vae is not None:
        check_file(options.vae, "autoencoder")
    from tqdm import tqdm

    from ..networks.vae import load_vae
    from ..toyworld.dataset import write_clips
    from ..weights.checkpoint import read_checkpoint
    from ..weights.vae_parts import bare_vae

    vae = None
    if options.vae is not None:
        vae = load_vae(bare_vae(read_checkpoint(options.vae).state_dict), str(options.vae)).float()
    with tqdm(total=clips, desc="clips", unit="clip") as bar:
        try:
            shards = write_clips(
                folder,
                range(first, first + clips),
                seconds,
                size,
                options.split,
                vae,
                not options.no_frames,
                progress=lambda _done: bar.update(),
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"{folder} holds the {bar.n} clips that were done; the next has the seed {first + bar.n}"
            ) from None
    print(f"{options.folder}: {clips} clips in {len(shards)} shards")
