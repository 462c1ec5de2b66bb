"""From shards to a talking video: every stage trained, put into one folder, and animated."""

import shutil

import numpy as np
from tiny_models import portrait, tiny_folder, voice
from training_runs import NETWORK, clip_arrays, entries

from keyface_lib.data.shard_writer import ShardWriter
from keyface_lib.pipeline import KeyFace
from keyface_lib.tiny import FEATURES
from keyface_lib.train.config_file import config_from
from keyface_lib.train.loop import train
from keyface_lib.weights.checkpoint import read_metadata

HEARS = ["wavlm", "beats"]


def test_trained_stages_animate_a_portrait(tmp_path):
    g = np.random.default_rng(0)
    with ShardWriter(tmp_path / "clips") as writer:
        for seed in range(2):
            arrays = clip_arrays(30, seed, frames=True)
            arrays |= {name: g.normal(size=(30, 2, FEATURES)) for name in HEARS}
            writer.write(f"clip{seed}", arrays, image_size=64)
    models = tmp_path / "models"
    shutil.copytree(tiny_folder(), models)
    network = NETWORK | {"encoders": HEARS, "guidance_auto": 1.5}
    for stage in ("keyframes", "interpolation", "reduced", "vae"):
        own = {"vae": {"ch": 32, "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1}} if stage == "vae" else {}
        folder = tmp_path / ("interpolation" if stage == "reduced" else stage)
        sections = entries(
            f"{tmp_path}/clips/*.tar", folder, network=network, run={"steps": 1}, reduced={"step": 1}, **own
        )
        if stage == "vae":
            sections = {name: sections[name] for name in ("run", "data", "optimizer", "vae")}
        outcome = train(stage, config_from(sections, stage))
        shutil.copy(outcome.weights, models)
        assert read_metadata(models / outcome.weights.name).training["step"] == 1
    keyface = KeyFace.from_pretrained(models, device="cpu")
    clip = keyface.animate(portrait(), voice(1.0), steps=2)
    assert clip.animation.settings.interpolation.auto_scale == 1.5
    frames = list(clip)
    assert sum(map(len, frames)) == 25
    assert frames[0].shape[1:] == (64, 64, 3)
