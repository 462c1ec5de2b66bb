"""Whole runs: stopped, killed, resumed, shared out, broken down, and what they leave."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import tiny_folder
from training_runs import clip_arrays, entries, toml, write_clips

from keyface_lib.data.shard_writer import ShardWriter
from keyface_lib.errors import KeyFaceError
from keyface_lib.networks.network import load_network
from keyface_lib.train import loop
from keyface_lib.train.config_file import config_from
from keyface_lib.train.loop import train
from keyface_lib.train.networks import network_task
from keyface_lib.train.state import State, read_state, write_state
from keyface_lib.train.step import NetworkStep
from keyface_lib.weights.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[1]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


def start(stage, shards, folder, resume=False, minutes=None, **sections):
    config = config_from(entries(shards, folder, **sections), stage)
    return train(stage, config, minutes, resume)


def weights(folder):
    return read_state(folder).tensors


def assert_identical(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_experiment_trains_another_task_with_the_same_loop(shards, tmp_path):
    seen = []

    def deaf(config, clips):
        task = network_task("keyframes", config, clips)
        task.step.network.unet.register_forward_pre_hook(lambda _unet, given: seen.append(given[2]))
        return replace(task, make=lambda clip, g: task.make(clip, g) | {"keep_audio": torch.tensor(0.0)})

    train("keyframes", config_from(entries(shards, tmp_path), "keyframes"), make_task=deaf)
    assert len(seen) == 4
    assert all((context == 0).all() for context in seen)


def test_a_run_leaves_weights_that_load_and_say_how_they_were_trained(shards, tmp_path):
    outcome = start("keyframes", shards, tmp_path, run={"note": "tiny"}, network={"guidance_audio": 3.0})
    assert outcome.finished
    checkpoint = read_checkpoint(outcome.weights)
    metadata = checkpoint.metadata
    assert metadata.role == "keyframe"
    assert metadata.image_size == 64
    assert metadata.encoders == ["voice", "noises"]
    assert metadata.guidance == {"audio": 3.0, "identity": 2.0}
    assert metadata.training["step"] == 4
    assert metadata.training["run.note"] == "tiny"
    network = load_network(checkpoint, str(outcome.weights))
    trained = weights(tmp_path)["weights.unet.conv_out.weight"]
    torch.testing.assert_close(network.unet.conv_out.weight.float(), trained, atol=1e-4, rtol=1e-3)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [2, 4]
    assert log[0]["loss"] == pytest.approx(log[0]["latent"])


def test_training_learns_what_there_is_to_learn(tmp_path):
    arrays = clip_arrays(14, seed=0)
    arrays["latents"][:] = arrays["latents"][:1]  # a face that does not move
    with ShardWriter(tmp_path) as writer:
        writer.write("still", arrays, image_size=64)
    options = {"optimizer": {"batch": 2, "learning_rate": 3e-3}, "noise": {"mean": 0.0, "std": 0.1}}
    run = {"steps": 30, "log_every": 5, "save_every": 30}
    start("interpolation", f"{tmp_path}/*.tar", tmp_path / "run", run=run, **options)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.3 * losses[0]


def test_stopped_and_resumed_it_continues_identically(shards, tmp_path, monkeypatch):
    options = {"optimizer": {"batch": 2, "accumulation": 2, "ema": 0.9, "clip_norm": 1.0}}
    start("keyframes", shards, tmp_path / "whole", **options)
    clock = iter(range(0, 10_000, 13))  # every look at the clock is 13 seconds later
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    stopped = start("keyframes", shards, tmp_path / "parts", minutes=1.5, **options)
    assert not stopped.finished
    assert 0 < stopped.step < 4
    assert stopped.weights.is_file()
    monkeypatch.undo()
    assert start("keyframes", shards, tmp_path / "parts", resume=True, **options).finished
    assert_identical(tmp_path / "whole", tmp_path / "parts")


def test_killed_and_resumed_it_continues_identically(shards, tmp_path):
    options = {"run": {"steps": 10}, "data": {"workers": 1}, "optimizer": {"ema": 0.9}}
    config = tmp_path / "run.toml"
    config.write_text(toml(entries(shards, tmp_path / "killed", **options)))
    command = [sys.executable, "-m", "keyface_lib", "train", "keyframes", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, env=ONE_THREAD, stderr=subprocess.PIPE, text=True)
    folder, deadline = tmp_path / "killed", time.monotonic() + 60
    while not (state := read_or_none(folder)) or state.step < 4:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert 4 <= read_state(folder).step < 10
    assert start("keyframes", shards, folder, resume=True, **options).finished
    start("keyframes", shards, tmp_path / "whole", **options)
    assert_identical(folder, tmp_path / "whole")


def read_or_none(folder):
    """The latest state, while another process may be removing the one before."""
    try:
        return read_state(folder)
    except KeyFaceError:
        return None


def test_two_processes_train_as_one_with_the_doubled_batch(shards, tmp_path):
    options = {"optimizer": {"batch": 4, "learning_rate": 1e-4}, "run": {"steps": 3}}
    start("interpolation", shards, tmp_path / "one", **options)
    config = tmp_path / "run.toml"
    config.write_text(toml(entries(shards, tmp_path / "two", **options)))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [sys.executable, *launcher, "-m", "keyface_lib", "train", "interpolation", str(config)]
    env = {**ONE_THREAD, "TMPDIR": str(tmp_path)}  # where the launcher leaves a folder of logs
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert read_state(tmp_path / "two").facts["processes"] == 2
    # As a whole, not value by value: where the true gradient is 0, AdamW makes full steps out of rounding.
    for kind in ("weights.", "exp_avg."):
        one, two = (_joined(weights(tmp_path / name), kind) for name in ("one", "two"))
        assert (two - one).norm() <= 1e-4 * one.norm(), kind


def _joined(state, kind):
    """All tensors of one kind, in a row."""
    return torch.cat([state[name].flatten() for name in sorted(state) if name.startswith(kind)])


def test_accumulation_and_checkpointing_change_memory_and_not_the_run(shards, tmp_path):
    start("keyframes", shards, tmp_path / "plain", optimizer={"batch": 4, "learning_rate": 1e-4})
    saving = {"batch": 4, "learning_rate": 1e-4, "accumulation": 2, "checkpointing": True}
    start("keyframes", shards, tmp_path / "saving", optimizer=saving)
    plain, other = weights(tmp_path / "plain"), weights(tmp_path / "saving")
    for name in filter(lambda name: name.startswith("weights."), plain):
        torch.testing.assert_close(other[name], plain[name], atol=1e-4, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_bfloat16_computes_in_it_and_keeps_the_weights_in_float32(shards, tmp_path):
    from accelerate.state import AcceleratorState

    options = {"run": {"steps": 2, "log_every": 1}, "optimizer": {"learning_rate": 1e-4}}
    start("keyframes", shards, tmp_path / "exact", **options)
    options["optimizer"] |= {"precision": "bfloat16"}
    AcceleratorState._reset_state()  # one process has one precision
    try:
        start("keyframes", shards, tmp_path / "rounded", **options)
    finally:
        AcceleratorState._reset_state()
    losses = [
        json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[0])["loss"]
        for name in ("exact", "rounded")
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in weights(tmp_path / "rounded").values())


def test_bfloat16_is_for_gpus():
    assert loop.mixed_precision("bfloat16", on_cpu=False) == "bf16"
    assert loop.mixed_precision("bfloat16", on_cpu=True) == "no"
    assert loop.mixed_precision("float32", on_cpu=False) == "no"


def test_a_folder_with_a_run_is_not_overwritten(shards, tmp_path):
    start("keyframes", shards, tmp_path, run={"steps": 2})
    with pytest.raises(KeyFaceError, match=r"holds a run of 2 steps; add --resume"):
        start("keyframes", shards, tmp_path, run={"steps": 2})


def test_a_resumed_run_says_what_differs_and_refuses_what_cannot_be(shards, tmp_path, caplog):
    start("keyframes", shards, tmp_path, run={"steps": 2})
    start("keyframes", shards, tmp_path, resume=True, run={"steps": 3}, optimizer={"learning_rate": 1e-4})
    assert "optimizer.learning_rate 0.001 -> 0.0001" in caplog.text
    with pytest.raises(KeyFaceError, match=r"cannot be resumed: .*network.context_dim 16 -> 32"):
        start("keyframes", shards, tmp_path, resume=True, network={"context_dim": 32})
    with pytest.raises(KeyFaceError, match="it is a run of keyframes"):
        start("interpolation", shards, tmp_path, resume=True)
    with pytest.raises(KeyFaceError, match="past the 1 asked for"):
        start("keyframes", shards, tmp_path, resume=True, run={"steps": 1})


def test_a_loss_that_is_no_number_stops_the_run_and_the_last_good_state_stays(shards, tmp_path):
    start("keyframes", shards, tmp_path, run={"steps": 2})
    before = weights(tmp_path)
    with pytest.raises(KeyFaceError, match=r"the (loss|weights).*the state of step 2 is kept; lower"):
        start("keyframes", shards, tmp_path, True, run={"steps": 8}, optimizer={"learning_rate": 1e20})
    assert read_state(tmp_path).step == 2
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(tmp_path).items())


def test_out_of_memory_names_the_settings_that_help(shards, tmp_path, monkeypatch):
    def too_large(self, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(NetworkStep, "forward", too_large)
    with pytest.raises(KeyFaceError, match=r"out of memory with 2 examples.*accumulation.*checkpointing"):
        start("keyframes", shards, tmp_path)


def test_the_reduced_network_is_the_interpolation_as_it_was_earlier(shards, tmp_path):
    reduced = {"reduced": {"step": 2}}
    early = start("reduced", shards, tmp_path / "alone", **reduced)
    assert early.weights.name == "reduced.safetensors"
    assert early.step == 2
    start("interpolation", shards, tmp_path / "whole", **reduced)
    again = start("reduced", shards, tmp_path / "whole", **reduced)  # is there already
    assert again.weights == tmp_path / "whole" / "reduced.safetensors"
    one, other = read_checkpoint(early.weights), read_checkpoint(again.weights)
    assert one.metadata.role == other.metadata.role == "reduced"
    assert all(torch.equal(one.state_dict[name], tensor) for name, tensor in other.state_dict.items())
    assert all(name.startswith("model.") for name in one.state_dict)
    final = read_checkpoint(tmp_path / "whole" / "interpolation.safetensors").state_dict
    assert any(not torch.equal(final[name], tensor) for name, tensor in one.state_dict.items())
    load_network(one, "reduced")
    assert start("interpolation", shards, tmp_path / "alone", resume=True, **reduced).finished
    assert_identical(tmp_path / "alone", tmp_path / "whole")


def test_pixel_losses_and_sample_videos_go_through_the_autoencoder(shards, tmp_path):
    loss = {"pixel_l2": 1.0, "pixel_l1": 0.5, "vae": str(tiny_folder() / "vae.safetensors")}
    run = {"steps": 2, "sample_every": 2, "log_every": 1}
    for stage, seconds in (("keyframes", 14 * 13 / 25), ("interpolation", 14 / 25)):
        start(stage, shards, tmp_path / stage, loss=loss, run=run)
        first = json.loads((tmp_path / stage / "log.jsonl").read_text().splitlines()[0])
        assert first["loss"] == pytest.approx(
            first["latent"] + first["pixel_l2"] + first["pixel_l1"], rel=1e-5
        )
        (video,) = (tmp_path / stage / "samples").glob("*.mp4")
        assert duration(video) == pytest.approx(seconds, abs=0.05)


def duration(path):
    import av

    with av.open(path) as container:
        return container.duration / 1e6


def test_training_from_a_network_freezes_its_temporal_layers_where_asked(shards, tmp_path):
    start("keyframes", shards, tmp_path / "first", run={"steps": 2})
    source = tmp_path / "first" / "keyframe.safetensors"
    network = {"start": str(source), "freeze_temporal": True}
    start("keyframes", shards, tmp_path / "second", network=network, run={"steps": 2})
    before, after = (load_file(tmp_path / name / "keyframe.safetensors") for name in ("first", "second"))
    changed = {name for name, tensor in before.items() if not torch.equal(after[name], tensor)}
    assert changed
    assert not any(".time_stack." in name or "time_mixer" in name for name in changed)
    assert any("attn1.to_q" in name for name in changed)


def test_skipped_clips_are_told_at_the_end_even_of_a_resumed_run(tmp_path):
    pattern = write_clips(tmp_path / "clips", clips=3, n_frames=12)  # of 12, 13 and 14 frames
    first = start("interpolation", pattern, tmp_path / "run", run={"steps": 3, "save_every": 3})
    assert len(first.skipped) == 2
    assert any("'clip0' has 12 frames" in name for name in first.skipped)
    again = start("interpolation", pattern, tmp_path / "run", resume=True, run={"steps": 3})
    assert set(again.skipped) == set(first.skipped)


def test_features_that_the_data_lacks_are_named(shards, tmp_path):
    with pytest.raises(KeyFaceError, match=r"has no wavlm\.npy \(it has .*voice.*other network.encoders"):
        start("keyframes", shards, tmp_path, network={"encoders": ["wavlm"]})


def test_a_state_is_in_files_of_at_most_16_mib_and_replaces_the_one_before(tmp_path):
    tensors = {f"t{n}": torch.randn(1_000_000, generator=torch.Generator().manual_seed(n)) for n in range(9)}
    write_state(tmp_path, State(1, tensors, {"stage": "x"}))
    (tmp_path / ".state-00000003.unfinished").mkdir()  # of a killed process
    folder = write_state(tmp_path, State(2, tensors, {"stage": "x"}))
    assert [path.name for path in tmp_path.glob("state-*")] == [folder.name]
    parts = list(folder.glob("*.safetensors"))
    assert len(parts) > 1
    assert all(part.stat().st_size <= 16 * 2**20 for part in parts)
    again = read_state(tmp_path)
    assert (again.step, again.facts["stage"]) == (2, "x")
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in tensors.items())
    parts[0].write_bytes(parts[0].read_bytes()[:1000])
    with pytest.raises(KeyFaceError, match="is damaged"):
        read_state(tmp_path)


def test_the_command_says_what_came_of_it(shards, tmp_path, capsys):
    from keyface_lib.cli import main

    config = tmp_path / "run.toml"
    config.write_text(toml(entries(shards, tmp_path / "run", run={"steps": 1})))
    assert main(["train", "keyframes", str(config)]) == 0
    assert "keyframe.safetensors: weights after 1 of 1 steps" in capsys.readouterr().out
    assert main(["train", "keyframes", str(config), "--minutes", "0"]) == 1
    assert "--minutes is 0" in capsys.readouterr().err
