"""The pictures, recordings and the video that the bundled workflows start with, among ComfyUI's inputs."""

import logging
import shutil
from pathlib import Path

import folder_paths

from ..keyface_lib import small

ASSETS = Path(__file__).parents[1] / "assets"
# Load Image and Load Audio start with the first of a folder's files: the portrait and speech stay those.
NAMES = {
    small.PORTRAIT: "keyface_drawn_portrait.png",
    ASSETS / "portrait.jpg": "keyface_portrait.jpg",
    ASSETS / "scene.jpg": "keyface_drawn_scene.jpg",
    ASSETS / "feeling.mp4": "keyface_video_feeling.mp4",
    ASSETS / "speech.flac": "keyface_speech.flac",
    small.SPEECH: "keyface_speech_answer.flac",
}


def copy_example_inputs() -> None:
    """Copies what is not there yet, so that a bundled workflow runs as it is opened."""
    folder = Path(folder_paths.get_input_directory())
    for asset, name in NAMES.items():
        try:
            if (folder / name).exists():
                continue
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(asset, folder / name)
        except OSError as error:  # an input folder that may not be used only costs the examples
            logging.info("KeyFace: the example %s was not copied to %s (%s)", name, folder, error.strerror)
