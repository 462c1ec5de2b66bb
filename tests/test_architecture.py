"""What a checkpoint is shows in its tensors: role and sizes, for the released networks and any others."""

import json

import pytest
import torch
from recorded_weights import GOLDEN, TINY_NETWORKS, TINY_OTHERS, full_size, manifest, on_meta, same_bits, tiny
from safetensors.torch import save_file

from keyface_lib.errors import KeyFaceError
from keyface_lib.networks.vae import build_vae, released_vae_state
from keyface_lib.weights.architecture import decoder_blocks, image_size_of, role_of, unet_sizes, vae_sizes
from keyface_lib.weights.checkpoint import read_checkpoint, read_metadata, require_tensors


def error_of(function, *arguments) -> str:
    with pytest.raises(KeyFaceError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


class TestSizes:
    def test_the_released_keyframe_network(self):
        assert unet_sizes(full_size("keyframe")) == {
            "model_channels": 320,
            "channel_mult": [1, 2, 4, 4],
            "num_res_blocks": 2,
            "attention_resolutions": [4, 2, 1],
            "num_head_channels": 64,
            "context_dim": 1024,
            "audio_dim": 1024,
            "in_channels": 8,
            "vector_dim": 1536,
        }

    def test_the_released_interpolation_network_and_the_reduced_one_without_conditioner(self):
        full = full_size("interpolation")
        reduced = on_meta(manifest("interpolation")["bad_checkpoint_module_keys"])
        for state in (full, reduced):
            sizes = unet_sizes(state)
            assert (sizes["in_channels"], sizes["vector_dim"], sizes["audio_dim"]) == (9, 1024, 1024)
            assert (sizes["channel_mult"], sizes["attention_resolutions"]) == ([1, 2, 4, 4], [4, 2, 1])

    @pytest.mark.parametrize("name", TINY_NETWORKS.values())
    def test_the_recorded_tiny_networks(self, name):
        config = json.loads((GOLDEN / "config.json").read_text())["unet"]
        sizes = unet_sizes(tiny(name), num_head_channels=config["num_head_channels"])
        assert {key: sizes[key] for key in config} == config

    @pytest.mark.parametrize("res_blocks", [1, 2, 3])
    @pytest.mark.parametrize("mult", [[1], [1, 2, 4], [2, 3, 3, 5], [1, 1, 1, 1, 1]])
    @pytest.mark.parametrize("attention", [[], [1], [4, 2], [8, 1]])
    def test_any_network_of_this_kind(self, mult, res_blocks, attention):
        attention = [resolution for resolution in attention if resolution < 2 ** len(mult)]
        sizes = unet_sizes(network_names(32, mult, res_blocks, attention, context=48, inputs=9, vector=80))
        assert sizes["model_channels"] == 32
        assert sizes["channel_mult"] == mult
        assert sizes["num_res_blocks"] == res_blocks
        assert sizes["attention_resolutions"] == attention
        assert (sizes["context_dim"], sizes["in_channels"], sizes["vector_dim"]) == (48, 9, 80)

    def test_the_released_vae_has_the_same_sizes_with_and_without_encoder(self):
        stage = manifest("keyframe")
        decoder = on_meta(
            {n: s for n, s in stage["state_dict"].items() if n.startswith("first_stage_model.")}
        )
        encoder = on_meta(stage["first_stage_encoder_if_input_key_is_not_latents"])
        sizes = {"ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "z_channels": 4}
        for state, has_encoder, has_decoder in (
            (decoder, False, True),
            (encoder, True, False),
            (encoder | decoder, True, True),
        ):
            found = vae_sizes(state)
            assert {key: found[key] for key in sizes} == sizes
            assert (found["has_encoder"], found["has_decoder"]) == (has_encoder, has_decoder)
            assert found["temporal"] == has_decoder

    def test_the_recorded_tiny_vae(self):
        config = json.loads((GOLDEN / "config.json").read_text())["vae"]
        sizes = vae_sizes(tiny("tiny_vae"))
        assert {key: sizes[key] for key in config} == config

    @pytest.mark.parametrize("in_decoder", [1, 2, 3])
    @pytest.mark.parametrize("side", ["both", "encoder", "decoder"])
    def test_a_decoder_may_have_blocks_of_its_own_number(self, in_decoder, side):
        asked = {"ch": 32, "ch_mult": [1, 2], "num_res_blocks": 1, "z_channels": 4, "has_encoder": True}
        asked["decoder_blocks"] = in_decoder
        with torch.device("meta"):
            state = released_vae_state(build_vae(asked), asked)
        state = {name: tensor for name, tensor in state.items() if side == "both" or name.startswith(side)}
        found = vae_sizes(state)
        if side == "decoder":
            found["has_encoder"] = True
            asked["num_res_blocks"] = max(in_decoder - 1, 1)
        if side == "encoder":
            assert "decoder_blocks" not in found
        else:
            assert decoder_blocks(found) == in_decoder
        assert {name: found[name] for name in asked if name != "decoder_blocks"} == {
            name: value for name, value in asked.items() if name != "decoder_blocks"
        }

    def test_an_encoder_and_a_decoder_of_different_sizes_are_refused(self):
        state = tiny("tiny_vae")
        stage = manifest("keyframe")["first_stage_encoder_if_input_key_is_not_latents"]
        full = on_meta({name.removeprefix("first_stage_model."): shape for name, shape in stage.items()})
        mixed = {name: tensor for name, tensor in state.items() if name.startswith("decoder.")} | full
        assert "same sizes" in error_of(vae_sizes, mixed)


def network_names(
    channels: int,
    mult: list[int],
    res_blocks: int,
    attention: list[int],
    context: int,
    inputs: int,
    vector: int,
) -> dict[str, torch.Tensor]:
    """The tensors of a UNet that show its sizes, laid out level by level."""
    blocks: dict[str, list[int]] = {
        "time_embed.0.weight": [4 * channels, channels],
        "label_emb.0.0.weight": [4 * channels, vector],
        "input_blocks.0.0.weight": [channels, inputs, 3, 3],
        "middle_block.1.transformer_blocks.0.attn2.to_k.weight": [channels * mult[-1], context],
    }
    index = 1
    for level, factor in enumerate(mult):
        for _ in range(res_blocks):
            blocks[f"input_blocks.{index}.0.out_layers.3.weight"] = [
                channels * factor,
                channels * factor,
                3,
                3,
            ]
            if 2**level in attention:
                blocks[f"input_blocks.{index}.1.norm.weight"] = [channels * factor]
            index += 1
        if level < len(mult) - 1:
            blocks[f"input_blocks.{index}.0.op.weight"] = [channels * factor, channels * factor, 3, 3]
            index += 1
    return on_meta({f"model.diffusion_model.{name}": shape for name, shape in blocks.items()})


class TestRecognition:
    @pytest.mark.parametrize(("role", "name"), (TINY_NETWORKS | TINY_OTHERS).items())
    def test_a_file_is_known_by_its_tensors_whatever_its_name(self, tmp_path, role, name):
        save_file(tiny(name), tmp_path / "anything.safetensors")
        assert read_metadata(tmp_path / "anything.safetensors").role == role

    def test_released_networks_come_with_the_released_settings(self, tmp_path):
        found = {role: read_metadata(GOLDEN / f"{name}.safetensors") for role, name in TINY_NETWORKS.items()}
        assert found["keyframe"].encoders == ["wavlm", "beats"]
        assert found["interpolation"].encoders == ["wav2vec2", "beats"]
        assert found["keyframe"].guidance == {"audio": 5.0, "identity": 2.0}
        assert found["interpolation"].guidance == {"auto": 2.0}
        assert found["keyframe"].image_size == 512
        assert found["interpolation"].image_size == 8 * 8  # its mask is 8 latents wide

    @pytest.mark.parametrize("stage", ["keyframe", "interpolation"])
    def test_full_size_networks_have_exactly_their_tensors_and_512_pixels(self, stage):
        expected = {name: tensor.shape for name, tensor in full_size(stage).items()}
        state = full_size(stage) | on_meta(manifest(stage)["instantiated_but_not_in_trained_checkpoint"])
        assert role_of(state) == stage
        assert image_size_of(state) == 512
        require_tensors(state, expected, "a file")

    def test_an_interpolation_network_without_its_mask_is_still_one(self, tmp_path):
        state = {name: t for name, t in tiny("tiny_interpolation").items() if name != "model.learned_mask"}
        save_file(state, tmp_path / "a.safetensors")
        assert read_metadata(tmp_path / "a.safetensors").role == "interpolation"

    def test_stable_video_diffusion_without_label_layer_is_where_training_starts(self, tmp_path):
        state = {
            name: tensor
            for name, tensor in tiny("tiny_keyframe").items()
            if not name.startswith(("conditioner.", "model.diffusion_model.label_emb."))
        }
        save_file(state, tmp_path / "svd_no_emb.safetensors")
        assert read_metadata(tmp_path / "svd_no_emb.safetensors").role == "svd"

    def test_a_vae_is_known_with_and_without_prefix(self, tmp_path):
        state = {f"first_stage_model.{name}": tensor for name, tensor in tiny("tiny_vae").items()}
        torch.save({"state_dict": state}, tmp_path / "vae.ckpt")
        read = read_checkpoint(tmp_path / "vae.ckpt")
        assert read.metadata.role == "vae"
        assert read.metadata.config == vae_sizes(tiny("tiny_vae"))
        assert same_bits(read.state_dict, state)

    def test_a_file_of_something_else_is_refused_by_name(self, tmp_path):
        save_file({"lora.up.weight": torch.ones(2, 2)}, tmp_path / "lora.safetensors")
        message = error_of(read_checkpoint, tmp_path / "lora.safetensors")
        assert "lora.safetensors" in message
        assert "lora.up.weight" in message

    def test_a_network_without_a_tensor_that_shows_its_size_is_refused_by_its_name(self, tmp_path):
        state = tiny("tiny_keyframe")
        del state["model.diffusion_model.input_blocks.0.0.weight"]
        save_file(state, tmp_path / "a.safetensors")
        message = error_of(read_checkpoint, tmp_path / "a.safetensors")
        assert "a.safetensors" in message
        assert "model.diffusion_model.input_blocks.0.0.weight" in message
