"""Weight files: every released kind is recognised by its tensors, and conversion changes no bit."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recorded_weights import GOLDEN, TINY_NETWORKS, TINY_OTHERS, deepspeed, on_meta, same_bits, tiny
from safetensors.torch import save_file

from keyface_lib.errors import KeyFaceError
from keyface_lib.weights.architecture import unet_sizes, vae_sizes
from keyface_lib.weights.checkpoint import read_checkpoint, read_metadata, require_tensors, write_checkpoint
from keyface_lib.weights.convert import convert
from keyface_lib.weights.describe import describe
from keyface_lib.weights.metadata import Metadata, metadata_from_json
from keyface_lib.weights.released import read_weights


def error_of(function, *arguments) -> str:
    with pytest.raises(KeyFaceError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


class TestReading:
    @pytest.mark.parametrize(("role", "name"), TINY_NETWORKS.items())
    def test_deepspeed_lightning_and_plain_files_give_the_same_tensors(self, tmp_path, role, name):
        state = tiny(name)
        deepspeed(tmp_path / "a.pt", state)
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "a.ckpt")
        torch.save(state, tmp_path / "a.bin")
        for file in ("a.pt", "a.ckpt", "a.bin"):
            read = read_checkpoint(tmp_path / file)
            assert read.metadata.role == role
            assert same_bits(read.state_dict, state)

    def test_microsofts_encoders_bring_their_configuration_and_labels(self, tmp_path):
        config = json.loads((GOLDEN / "audio_cfgs.json").read_text())["beats"]
        labels = {index: f"/m/{index:03d}" for index in reversed(range(527))}
        torch.save({"cfg": config, "model": tiny("beats_tiny"), "label_dict": labels}, tmp_path / "b.pt")
        read = read_checkpoint(tmp_path / "b.pt")
        assert read.metadata.role == "beats"
        assert read.metadata.config == config
        assert read.metadata.labels == [f"/m/{index:03d}" for index in range(527)]
        assert same_bits(read.state_dict, tiny("beats_tiny"))

    def test_wav2vec2_is_the_public_one_unless_its_folder_says_otherwise(self, tmp_path):
        torch.save(tiny("wav2vec2_tiny"), tmp_path / "pytorch_model.bin")
        (tmp_path / "config.json").write_text('{"hidden_size": 5}')  # a model folder's, not wav2vec2's
        public = read_metadata(tmp_path / "pytorch_model.bin").config
        assert public["conv_dim"] == [512] * 7
        assert (public["num_hidden_layers"], public["hidden_size"]) == (12, 768)
        own = json.loads((GOLDEN / "audio_cfgs.json").read_text())["wav2vec2"]
        (tmp_path / "config.json").write_text(json.dumps(own | {"model_type": "wav2vec2", "bos_token_id": 1}))
        assert read_metadata(tmp_path / "pytorch_model.bin").config == own

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's memory accounting")
    @pytest.mark.parametrize("kind", ["safetensors", "pt"])
    def test_a_file_is_read_only_as_its_tensors_are_used(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        state = tiny("tiny_vae") | {"decoder.large": torch.ones(64 * 2**20 // 4)}
        save_file(state, path) if kind == "safetensors" else torch.save(state, path)
        del state
        before = resident_bytes()
        read = read_checkpoint(path)
        assert resident_bytes() - before < 16 * 2**20
        assert read.state_dict["decoder.large"].sum() == 16 * 2**20

    @pytest.mark.parametrize("kind", ["safetensors", "pt"])
    def test_a_truncated_file_is_refused_in_one_line(self, tmp_path, kind):
        whole = tmp_path / f"whole.{kind}"
        save_file(tiny("tiny_vae"), whole) if kind == "safetensors" else deepspeed(whole, tiny("tiny_vae"))
        data = whole.read_bytes()
        for part in (0.0, 0.001, 0.5, 0.999):
            cut = tmp_path / f"cut.{kind}"
            cut.write_bytes(data[: int(part * len(data))])
            assert "cut" in error_of(read_checkpoint, cut)

    def test_a_missing_file_is_named(self, tmp_path):
        assert "none.pt" in error_of(read_checkpoint, tmp_path / "none.pt")

    def test_a_hostile_file_is_refused_whatever_it_is_called(self, tmp_path):
        class Touch:
            def __reduce__(self):
                return os.system, (f"touch {tmp_path / 'ran'}",)

        torch.save({"module": tiny("tiny_vae"), "callback": Touch()}, tmp_path / "keyframe.ckpt")
        message = error_of(read_checkpoint, tmp_path / "keyframe.ckpt")
        assert "keyframe.ckpt" in message
        assert f"{os.system.__module__}.system" in message
        assert not (tmp_path / "ran").exists()


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


METADATA = Metadata(
    role="keyframe",
    unet=unet_sizes(tiny("tiny_keyframe"), 16),
    image_size=64,
    encoders=["wavlm", "beats"],
    guidance={"audio": 4.0, "identity": 1.5},
    training={"steps": 3},
)


PREVIEW = {"factors": [[0.1, 0.2, 0.3], [0, -1, 1], [0.5, 0.5, 0.5], [-0.25, 0, 0]], "bias": [0.1, 0.0, -0.1]}


class TestWriting:
    def test_tensors_of_every_type_and_the_metadata_survive_bit_for_bit(self, tmp_path):
        bits = torch.arange(-128, 128, dtype=torch.int8).repeat(8)
        dtypes = [torch.float8_e4m3fn, torch.float16, torch.bfloat16, torch.float32, torch.int64]
        state = {str(dtype): bits.view(dtype) for dtype in dtypes}
        state |= {
            "transposed": torch.arange(6.0).view(2, 3).T,
            "scalar": torch.tensor(3.0),
            "none": torch.ones(0, 4),
        }
        write_checkpoint(tmp_path / "a.safetensors", state, METADATA)
        read = read_weights(tmp_path / "a.safetensors")
        assert metadata_from_json(read.header["keyface"], "a") == METADATA
        assert same_bits(read.tensors, {name: tensor.contiguous() for name, tensor in state.items()})

    def test_the_metadata_is_one_entry_of_json_with_its_format(self, tmp_path):
        write_checkpoint(tmp_path / "a.safetensors", {"w": torch.ones(1)}, METADATA)
        data = (tmp_path / "a.safetensors").read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        assert header["__metadata__"].keys() == {"keyface"}
        entry = json.loads(header["__metadata__"]["keyface"])
        assert entry["format"] == 1
        assert entry["role"] == "keyframe"
        assert entry["guidance"] == {"audio": 4.0, "identity": 1.5}

    def test_what_a_vae_says_of_its_latents_and_pictures_survives_and_a_file_may_say_nothing(self, tmp_path):
        state = tiny("tiny_vae")
        said = {"preview": PREVIEW, "knows": {"pictures": "drawn faces", "at_least_db": 26.2}}
        metadata = Metadata(role="vae", config=vae_sizes(state), **said)
        write_checkpoint(tmp_path / "a.safetensors", state, metadata)
        assert read_metadata(tmp_path / "a.safetensors") == metadata
        assert "drawn faces" in describe(tmp_path / "a.safetensors")
        older = {"format": 1, "role": "vae", "config": vae_sizes(state)}
        save_file(state, tmp_path / "b.safetensors", metadata={"keyface": json.dumps(older)})
        assert read_metadata(tmp_path / "b.safetensors") == replace(metadata, preview=None, knows=None)

    def test_entries_of_which_this_version_knows_nothing_are_kept(self, tmp_path):
        state = tiny("tiny_vae")
        metadata = Metadata(role="vae", config=vae_sizes(state), extra={"author": {"name": "x"}})
        for file in ("a.safetensors", "b.safetensors"):
            write_checkpoint(tmp_path / file, state, metadata)
            metadata = read_metadata(tmp_path / file)
        assert metadata.extra == {"author": {"name": "x"}}

    @pytest.mark.parametrize(
        ("entry", "complaint"),
        [
            ('{"format": 2, "roles": []}', "update"),
            ('{"format": 1, "unet": {}}', "lacks role"),
            ('{"format": 1, "role": "vae", "encoders": "beats"}', "encoders is 'beats'"),
            ('{"role": "vae"}', "lacks format"),
            ("[]", "must be an object"),
            ("{", "no JSON"),
        ],
    )
    def test_metadata_of_a_newer_version_or_damaged_is_refused(self, tmp_path, entry, complaint):
        save_file({"w": torch.ones(1)}, tmp_path / "a.safetensors", metadata={"keyface": entry})
        message = error_of(read_checkpoint, tmp_path / "a.safetensors")
        assert "a.safetensors" in message
        assert complaint in message

    def test_tensors_that_share_memory_are_all_written(self, tmp_path):
        state = tiny("beats_tiny")
        name = "encoder.layers.{}.self_attn.relative_attention_bias.weight"
        state[name.format(1)] = state[name.format(0)]
        state["encoder.part"] = state[name.format(0)][3:5]
        write_checkpoint(tmp_path / "a.safetensors", state, Metadata(role="beats"))
        assert same_bits(read_checkpoint(tmp_path / "a.safetensors").state_dict, state)

    def test_the_file_has_the_permissions_of_any_new_file(self, tmp_path):
        (tmp_path / "new").touch()
        write_checkpoint(tmp_path / "a.safetensors", {"w": torch.ones(1)}, METADATA)
        assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "new").stat().st_mode

    def test_a_full_disk_leaves_the_former_file_and_nothing_else(self, tmp_path):
        resource = pytest.importorskip("resource")
        path = tmp_path / "a.safetensors"
        write_checkpoint(path, {"w": torch.ones(1)}, METADATA)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
            message = error_of(write_checkpoint, path, {"w": torch.ones(100_000)}, METADATA)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert str(path) in message
        assert os.listdir(tmp_path) == ["a.safetensors"]
        assert read_weights(path).tensors["w"].tolist() == [1]

    def test_a_folder_that_cannot_be_written_to_is_named(self, tmp_path):
        (tmp_path / "file").touch()
        for folder in ("missing", "file"):
            path = tmp_path / folder / "a.safetensors"
            assert str(path) in error_of(write_checkpoint, path, {"w": torch.ones(1)}, METADATA)


class TestRequiredTensors:
    expected = {"a": (2, 3), "b": (1,), "c": (4,)}  # noqa: RUF012

    def test_exactly_the_expected_tensors_are_accepted_with_ones_that_are_never_loaded(self):
        state = on_meta(self.expected)
        extra = on_meta(
            {"conditioner.embedders.0.encoder.decoder.conv_in.weight": [1], "model_ema.decay": []}
        )
        require_tensors(state | extra, self.expected, "x.pt")

    def test_missing_tensors_are_counted_and_the_first_are_named(self):
        message = error_of(require_tensors, {}, {f"w{n}": (1,) for n in range(9)}, "x.pt")
        assert "x.pt" in message
        assert "9 tensors missing: w0, w1, w2, ..." in message
        assert "w3" not in message

    def test_another_shape_is_told_with_both_shapes(self):
        message = error_of(require_tensors, on_meta(self.expected | {"a": [3, 2]}), self.expected, "x.pt")
        assert "a is (3, 2), not (2, 3)" in message
        assert "another architecture" in message

    def test_a_tensor_of_another_architecture_is_named(self):
        message = error_of(require_tensors, on_meta(self.expected | {"d": [1]}), self.expected, "x.pt")
        assert "1 not expected: d" in message
        assert "another architecture" in message


class TestConversion:
    @pytest.mark.parametrize(("role", "name"), (TINY_NETWORKS | TINY_OTHERS).items())
    def test_a_file_keeps_every_tensor_and_gains_metadata(self, tmp_path, role, name):
        state = tiny(name) | {"model_ema.decay": torch.tensor(0.9999)}
        source = deepspeed(tmp_path / "a.pt", state)
        (tmp_path / "out").mkdir()
        for destination in (tmp_path / "b.safetensors", tmp_path / "out"):
            [written] = convert(source, destination)
            read = read_checkpoint(written)
            assert same_bits(read.state_dict, state)
            assert read.metadata == read_metadata(source)
            assert read.metadata.role == role
        assert written == tmp_path / "out" / f"{role}.safetensors"

    def test_a_converted_file_converts_to_itself(self, tmp_path):
        metadata = replace(METADATA, extra={"y": 2})
        write_checkpoint(tmp_path / "a.safetensors", tiny("tiny_keyframe"), metadata)
        convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
        assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()

    def test_the_destination_must_be_called_safetensors(self, tmp_path):
        source = deepspeed(tmp_path / "a.pt", tiny("tiny_vae"))
        assert "b.pt" in error_of(convert, source, tmp_path / "b.pt")

    def test_a_folder_of_released_files_becomes_a_model_folder(self, tmp_path):
        decoder = {
            f"first_stage_model.{n}": t for n, t in tiny("tiny_vae").items() if n.startswith("decoder.")
        }
        keyframe = tiny("tiny_keyframe") | decoder
        encoder = {n: t.half() for n, t in tiny("tiny_vae").items() if n.startswith("encoder.")}
        encoder |= {"quant_conv.weight": torch.ones(8, 8, 1, 1), "quant_conv.bias": torch.ones(8)}
        still_vae = encoder | {
            "decoder.conv_in.weight": torch.ones(64, 4, 3, 3),
            "post_quant_conv.bias": torch.ones(4),
        }
        source = tmp_path / "released" / "checkpoints"
        (source / "wav2vec2-base-960h").mkdir(parents=True)
        deepspeed(source / "keyframe.pt", keyframe)
        deepspeed(source / "interpolation.pt", tiny("tiny_interpolation"))
        deepspeed(source / "interpolation_bad.pt", tiny("tiny_interpolation_reduced"))
        torch.save({"cfg": {}, "model": tiny("wavlm_tiny")}, source / "WavLM-Base+.pt")
        torch.save({"cfg": {}, "model": tiny("beats_tiny")}, source / "BEATs_iter3_plus_AS2M.pt")
        save_file(tiny("wav2vec2_tiny"), source / "wav2vec2-base-960h" / "model.safetensors")
        torch.save(tiny("wav2vec2_tiny"), source / "wav2vec2-base-960h" / "pytorch_model.bin")
        torch.save({"state_dict": still_vae}, source / "any-vae.ckpt")
        torch.save({"upscaler": torch.ones(1)}, source / "unrelated.pth")

        written = convert(source.parent, tmp_path / "models")

        roles = ["keyframe", "interpolation", "reduced", "vae", "wavlm", "beats", "wav2vec2"]
        assert sorted(written) == sorted(tmp_path / "models" / f"{role}.safetensors" for role in roles)
        assert {path.stem: read_metadata(path).role for path in written} == {role: role for role in roles}
        assert same_bits(read_checkpoint(tmp_path / "models/keyframe.safetensors").state_dict, keyframe)
        vae = read_checkpoint(tmp_path / "models/vae.safetensors")
        bare = {name.removeprefix("first_stage_model."): tensor for name, tensor in decoder.items()}
        assert same_bits(vae.state_dict, bare | encoder)
        assert (vae.metadata.config["has_encoder"], vae.metadata.config["temporal"]) == (True, True)

    @pytest.mark.parametrize("decoder_from_network", [False, True])
    def test_a_vae_of_a_folder_keeps_what_it_says_where_all_of_it_is_of_its_file(
        self, tmp_path, decoder_from_network
    ):
        source = tmp_path / "source"
        source.mkdir()
        state = tiny("tiny_vae")
        metadata = Metadata(role="vae", config=vae_sizes(state), preview=PREVIEW)
        write_checkpoint(source / "vae.safetensors", state, metadata)
        decoder = {f"first_stage_model.{n}": t for n, t in state.items() if n.startswith("decoder.")}
        network = tiny("tiny_keyframe") | (decoder if decoder_from_network else {})
        write_checkpoint(source / "keyframe.safetensors", network, METADATA)
        convert(source, tmp_path / "models")
        kept = read_metadata(tmp_path / "models" / "vae.safetensors").preview
        assert kept == (None if decoder_from_network else PREVIEW)

    def test_of_a_still_image_vae_only_the_encoder_is_taken(self, tmp_path):
        state = {name: tensor for name, tensor in tiny("tiny_vae").items() if ".time_stack." not in name}
        (tmp_path / "released").mkdir()
        save_file(state, tmp_path / "released" / "sd-vae.safetensors")
        [written] = convert(tmp_path / "released", tmp_path / "models")
        encoder = {name: tensor for name, tensor in state.items() if name.startswith("encoder.")}
        assert same_bits(read_checkpoint(written).state_dict, encoder)

    def test_two_files_of_one_role_and_a_folder_of_nothing_are_refused(self, tmp_path):
        assert str(tmp_path) in error_of(convert, tmp_path, tmp_path / "models")
        for name in ("old", "new"):
            deepspeed(tmp_path / f"{name}.pt", tiny("tiny_keyframe"))
        message = error_of(convert, tmp_path, tmp_path / "models")
        assert "old.pt" in message
        assert "new.pt" in message
        assert not (tmp_path / "models").exists()


def test_a_description_says_what_a_file_holds(tmp_path):
    text = describe(deepspeed(tmp_path / "a.pt", tiny("tiny_interpolation")))
    for fact in (
        "interpolation",
        "2,100,723",
        "model.diffusion_model",
        "wav2vec2, beats",
        "auto 2.0",
        "float8",
    ):
        assert fact in text
    write_checkpoint(
        tmp_path / "a.safetensors", tiny("beats_tiny"), Metadata(role="beats", labels=["/m/1"] * 527)
    )
    text = describe(tmp_path / "a.safetensors")
    assert "KeyFace 1" in text
    assert "527 classes" in text
