"""Released encoder files load by name, completely or not at all, into what their config describes."""

import json
from pathlib import Path

import pytest
import torch
from golden_cases.audio import recorded_encoder
from safetensors.torch import load_file

from keyface_lib.audio import encode_audio, encoder_shapes, load_encoder
from keyface_lib.audio.wavlm import conv_layers
from keyface_lib.errors import KeyFaceError

GOLDEN = Path(__file__).parent / "golden"
ROLES = ("wavlm", "beats", "wav2vec2")
CONFIGS = json.loads((GOLDEN / "audio_cfgs.json").read_text())
TRAINING_ONLY = {"mask_emb", "lm_head.weight", "lm_head.bias", "wav2vec2.masked_spec_embed"}
SOUND = torch.sin(torch.arange(4_000) / 9)


def weights(role: str) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(GOLDEN / f"{role}_tiny.safetensors").items()}


def features(encoder) -> torch.Tensor:
    return encode_audio(SOUND, {"x": encoder}).by_encoder["x"]


@pytest.mark.parametrize("role", ROLES)
def test_a_missing_tensor_is_named(role):
    tensors = weights(role)
    victim = next(name for name in tensors if name.endswith("layers.1.final_layer_norm.weight"))
    del tensors[victim]
    with pytest.raises(KeyFaceError, match=r"file\.pt: the encoder lacks 1 tensors") as refusal:
        load_encoder(role, tensors, CONFIGS[role], path="file.pt")
    assert victim in str(refusal.value)


@pytest.mark.parametrize("role", ROLES)
def test_an_unknown_tensor_and_a_wrong_shape_are_named(role):
    with pytest.raises(KeyFaceError, match=r"unknown 1 tensors \(.*surprise"):
        load_encoder(role, weights(role) | {"surprise.weight": torch.zeros(1)}, CONFIGS[role])
    tensors = weights(role)
    victim = next(name for name in tensors if name.endswith("encoder.layer_norm.weight"))
    with pytest.raises(KeyFaceError, match=rf"{victim} is \(3,\), the config makes it \(64,\)"):
        load_encoder(role, tensors | {victim: torch.zeros(3)}, CONFIGS[role])


@pytest.mark.parametrize("role", ROLES)
def test_an_encoder_needs_exactly_the_tensors_it_says(role):
    shapes = encoder_shapes(role, CONFIGS[role])
    recorded = weights(role)
    shared = "encoder.layers.1.self_attn.relative_attention_bias.weight"
    assert shapes.keys() == recorded.keys() - TRAINING_ONLY - {shared}
    assert all(recorded[name].shape == shape for name, shape in shapes.items())
    load_encoder(role, {name: torch.rand(shape) for name, shape in shapes.items()}, CONFIGS[role])


@pytest.mark.parametrize("role", ROLES)
def test_every_tensor_is_put_where_it_matters(role):
    """No two tensors of one shape are mixed up unnoticed: changing any one changes the features."""
    before = features(load_encoder(role, weights(role), CONFIGS[role]))
    for name in encoder_shapes(role, CONFIGS[role]):
        if name.startswith("predictor.") or name.endswith("k_proj.bias"):  # softmax does not see a key's bias
            continue
        tensors = weights(role)
        noise = torch.rand(tensors[name].shape, generator=torch.Generator().manual_seed(0))
        after = features(load_encoder(role, tensors | {name: tensors[name] + 0.3 * noise}, CONFIGS[role]))
        assert (after - before).abs().max() > 1e-5, name


def test_wav2vec2_loads_under_all_names_it_is_saved_with():
    named = weights("wav2vec2")
    newer = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): tensor
        for name, tensor in named.items()
    }
    without_head = {name: tensor for name, tensor in newer.items() if not name.startswith("lm_head")}
    plain = {name.removeprefix("wav2vec2."): tensor for name, tensor in without_head.items()}
    recorded, *others = (
        features(load_encoder("wav2vec2", tensors, CONFIGS["wav2vec2"])) for tensors in (named, newer, plain)
    )
    assert all(torch.equal(other, recorded) for other in others)


def test_wav2vec2_of_another_frame_rate_is_refused():
    config = CONFIGS["wav2vec2"] | {"conv_stride": [5, 2, 2, 2, 2, 2, 1]}
    with pytest.raises(KeyFaceError, match="160 samples a token"):
        load_encoder("wav2vec2", weights("wav2vec2"), config)


@pytest.mark.parametrize("role", ROLES)
def test_a_config_that_lacks_a_size_is_refused(role):
    missing = "hidden_size" if role == "wav2vec2" else "encoder_embed_dim"
    config = {key: value for key, value in CONFIGS[role].items() if key != missing}
    with pytest.raises(KeyFaceError, match=f"config lacks {missing}"):
        load_encoder(role, weights(role), config)


@pytest.mark.parametrize("role", ["wavlm", "beats"])
def test_a_kind_of_encoder_that_was_never_released_is_refused(role):
    with pytest.raises(KeyFaceError, match="gru_rel_pos is False"):
        load_encoder(role, weights(role), CONFIGS[role] | {"gru_rel_pos": False})


def test_an_unknown_encoder_is_refused_with_the_ones_there_are():
    with pytest.raises(KeyFaceError, match="'hubert' is unknown; use one of wavlm, beats, wav2vec2"):
        load_encoder("hubert", {}, {})


def test_the_convolutions_of_wavlm_are_read_and_never_run():
    assert conv_layers("[(512,10,5)] + [(512,3,2)] * 4 + [(512, 2, 2)] * 2", "x") == [
        (512, 10, 5),
        *[(512, 3, 2)] * 4,
        *[(512, 2, 2)] * 2,
    ]
    for text in ("__import__('os').abort()", "[(1,1,1)] * 999999999", "", "[(1,1,1)][(2,2,2)]"):
        with pytest.raises(KeyFaceError, match="conv_feature_layers"):
            conv_layers(text, "x")


def test_wavlm_large_hears_the_padded_sound_normalised():
    """By layer_norm over all of it, as the released wrapper does where cfg.normalize is set."""
    encoder = load_encoder("wavlm", weights("wavlm"), CONFIGS["wavlm"] | {"normalize": True})
    scaling = encoder.scaling(0.3 + SOUND, 5_120)
    padded = torch.nn.functional.pad(0.3 + SOUND, (0, 1_120))
    expected = torch.nn.functional.layer_norm(padded, padded.shape)
    torch.testing.assert_close((padded - scaling.mean) / scaling.std, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer_norm_first", [False, True])
def test_wavlm_large_is_built_with_a_norm_in_every_convolution(layer_norm_first):
    config = CONFIGS["wavlm"] | {"extractor_mode": "layer_norm", "layer_norm_first": layer_norm_first}
    shapes = encoder_shapes("wavlm", config)
    assert shapes["feature_extractor.conv_layers.6.2.1.weight"] == (64,)
    encoder = load_encoder("wavlm", {name: torch.rand(shape) for name, shape in shapes.items()}, config)
    assert features(encoder).isfinite().all()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_encoders_run_in_the_precision_they_are_put_in(role, dtype):
    reference = features(recorded_encoder(GOLDEN, role))
    ours = features(recorded_encoder(GOLDEN, role).to(dtype))
    assert ours.dtype == torch.float32
    bound = 0.4 if dtype is torch.bfloat16 else 1e-5
    assert (ours - reference).norm() / reference.norm() < bound


@pytest.mark.parametrize("role", ROLES)
def test_encoders_are_loaded_ready_to_infer(role):
    encoder = load_encoder(role, {n: t.half() for n, t in weights(role).items()}, CONFIGS[role])
    assert not encoder.training
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert not any(p.requires_grad or p.is_meta for p in encoder.parameters())


def test_labels_must_fit_the_classes():
    with pytest.raises(KeyFaceError, match="2 labels for 527 classes"):
        load_encoder("beats", weights("beats"), CONFIGS["beats"], labels=("/m/01j3sz", "/m/01b_21"))
