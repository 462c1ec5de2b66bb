"""What a training configuration accepts, and how it says no."""

from pathlib import Path

import pytest
from training_runs import entries, toml

from keyface_lib.errors import KeyFaceError
from keyface_lib.train.config import differences, flat
from keyface_lib.train.config_file import config_from, read_config

RUN = {"run": {"folder": "runs/x"}, "data": {"shards": ["x.tar"]}}
CONFIGS = sorted((Path(__file__).parents[1] / "configs" / "train").glob("*.toml"))


def without_pixels(**sections):
    return RUN | {"loss": {"pixel_l2": 0, "pixel_lpips": 0}} | sections


def test_the_defaults_are_table_8_of_the_paper():
    config = config_from(without_pixels(), "keyframes")
    assert config.run.steps == 60_000
    assert config.reduced.step == 120_000 // 16
    assert (config.optimizer.learning_rate, config.optimizer.warm_up, config.optimizer.batch) == (
        1e-5,
        1000,
        32,
    )
    assert (config.dropping.identity, config.dropping.audio) == (0.1, 0.2)
    assert (config.loss.lambda_lower, config.loss.pixel_frames) == (3.0, 1)
    assert config.network.encoders == ("wavlm", "beats")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_committed_config_is_valid(path):
    stage = next(s for s in ("keyframes", "interpolation", "vae", "lora") if s in path.stem)
    read_config(path, "keyframes" if stage == "lora" else stage)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (without_pixels(optimizer={"learning_rte": 1e-4}), r"learning_rte.*did you mean 'learning_rate'"),
        (without_pixels(optimiser={}), r"section.*'optimiser'; did you mean 'optimizer'"),
        (without_pixels(vae={"ch": 32}), r"\[vae\] is not used when training keyframes"),
        (without_pixels(optimizer={"batch": "32"}), r"optimizer.batch is '32'; it must be of type int"),
        (without_pixels(optimizer={"batch": True}), r"optimizer.batch is True"),
        (without_pixels(dropping={"audio": 1.5}), r"dropping.audio is 1.5; it must be in \[0, 1\]"),
        (without_pixels(optimizer={"precision": "fp16"}), r"precision is 'fp16'; choose from: float32"),
        (without_pixels(optimizer={"batch": 6, "accumulation": 4}), r"6 is not a multiple .* 4"),
        (without_pixels(network={"freeze_temporal": True}), r"name a checkpoint"),
        (without_pixels(lora={"rank": 4}), r"lora.rank keeps weights as they are"),
        (without_pixels(run={"steps": 3}), r"run.folder is missing"),
        (RUN, r"name an autoencoder as loss.vae"),
        (RUN | {"loss": {"vae": "v"}}, r"pixel_lpips needs the weights of LPIPS-VGG"),
        (RUN | {"loss": 3}, r"loss is 3; it must be a section"),
    ],
)
def test_a_wrong_entry_is_refused_in_one_line_that_names_it(sections, said):
    with pytest.raises(KeyFaceError, match=said) as error:
        config_from(sections, "keyframes")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("stage", "sections", "said"),
    [
        ("keyframes", {"noise": {"ends": 0.1}}, "noise.ends does nothing when training keyframes"),
        ("keyframes", {"reduced": {"step": 5}}, "reduced.step does nothing"),
        ("keyframes", {"network": {"guidance_auto": 1.5}}, "network.guidance_auto does nothing"),
        ("interpolation", {"data": {"anchor": True}}, "data.anchor does nothing"),
        ("interpolation", {"noise": {"ends": 0.1}}, ""),
    ],
)
def test_what_does_nothing_in_a_stage_is_told(caplog, stage, sections, said):
    base = without_pixels()
    config_from(base | {name: base.get(name, {}) | keys for name, keys in sections.items()}, stage)
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


@pytest.mark.parametrize("words", ["two\nlines", "a" * 101])
def test_what_an_autoencoder_knows_fits_into_a_message(words):
    with pytest.raises(KeyFaceError, match=r"vae\.knows is .* it must be text of 1 to 100 characters"):
        config_from(RUN | {"vae": {"knows": words}}, "vae")


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "bad.toml").write_text("[run\n")
    with pytest.raises(KeyFaceError, match=r"bad\.toml is no valid TOML"):
        read_config(tmp_path / "bad.toml", "vae")
    with pytest.raises(KeyFaceError, match=r"none\.toml: there is no such configuration"):
        read_config(tmp_path / "none.toml", "vae")


def test_a_file_reads_as_its_entries(tmp_path):
    sections = entries("data/*.tar", tmp_path, optimizer={"betas": [0.9, 0.95], "checkpointing": True})
    (tmp_path / "run.toml").write_text(toml(sections))
    assert read_config(tmp_path / "run.toml", "keyframes") == config_from(sections, "keyframes")


def test_only_what_makes_it_another_run_is_a_difference():
    before = config_from(without_pixels(), "keyframes")
    longer = config_from(
        RUN | {"loss": {"pixel_l2": 0, "pixel_lpips": 0}, "optimizer": {"accumulation": 2}}, "keyframes"
    )
    other = config_from(without_pixels(optimizer={"learning_rate": 1e-4}), "keyframes")
    assert differences(flat(before), flat(longer)) == {}
    assert differences(flat(before), flat(other)) == {"optimizer.learning_rate": "1e-05 -> 0.0001"}
