"""KeyFace's UNet: diffusers' Stable Video Diffusion UNet with a vector for every frame."""

import torch
from diffusers.models.resnet import SpatioTemporalResBlock
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel

from ..method.timeline import SLOTS
from ..weights.architecture import LATENT_CHANNELS, UNET
from ..weights.keymap import unet_key_map
from ..weights.metadata import check_heads
from .time_convolution import flatten_time_convolutions


class KeyFaceUNet(UNetSpatioTemporalConditionModel):
    """SVD's UNet with the released network's norms, taking a vector per frame, not time ids per clip."""

    def __init__(self, **config):
        super().__init__(**config)
        # Three of diffusers' block classes ignore the epsilon they are given and use 1e-6.
        for module in self.modules():
            if isinstance(module, SpatioTemporalResBlock):
                for block in (module.spatial_res_block, module.temporal_res_block):
                    block.norm1.eps = block.norm2.eps = 1e-5
        flatten_time_convolutions(self)

    def forward(
        self, sample: torch.Tensor, c_noise: torch.Tensor, context: torch.Tensor, vector: torch.Tensor
    ) -> torch.Tensor:
        """Predicts F of eq. 1.

        Args:
            sample: (sequences, frames, channels, h, w), scaled noise and conditions.
            c_noise: (sequences,)
            context: (sequences, tokens, d), attended to by every frame of its sequence.
            vector: (sequences, frames, v)

        Returns:
            (sequences, frames, 4, h, w)
        """
        sequences, frames = sample.shape[:2]
        timestep = self.time_embedding(self.time_proj(c_noise).to(sample.dtype))
        embedding = (timestep[:, None] + self.add_embedding(vector)).flatten(0, 1)
        context = context.repeat_interleave(frames, dim=0)
        shared = {
            "temb": embedding,
            # All frames are video frames: nothing is blended as a still image.
            "image_only_indicator": sample.new_zeros(sequences, frames),
        }
        attending = shared | {"encoder_hidden_states": context}

        h = self.conv_in(sample.flatten(0, 1))
        skips = [h]
        for block in self.down_blocks:
            h, new_skips = block(h, **(attending if hasattr(block, "attentions") else shared))
            skips += new_skips
        h = self.mid_block(h, **attending)
        for block in self.up_blocks:
            n = len(block.resnets)
            skips, used = skips[:-n], tuple(skips[-n:])
            arguments = attending if hasattr(block, "attentions") else shared
            h = block(h, res_hidden_states_tuple=used, **arguments)
        h = self.conv_out(self.conv_act(self.conv_norm_out(h)))
        return h.unflatten(0, (sequences, frames))


def build_unet(sizes: dict) -> KeyFaceUNet:
    """A UNet of the given sizes (see `architecture.unet_sizes`), its weights not yet loaded.

    Raises:
        KeyFaceError: norms or heads of attention do not divide its levels.
    """
    check_heads(sizes, "the UNet")
    channels = [sizes["model_channels"] * m for m in sizes["channel_mult"]]
    attends = [2**level in sizes["attention_resolutions"] for level in range(len(channels))]
    down = ["CrossAttnDownBlockSpatioTemporal" if a else "DownBlockSpatioTemporal" for a in attends]
    up = ["CrossAttnUpBlockSpatioTemporal" if a else "UpBlockSpatioTemporal" for a in reversed(attends)]
    return KeyFaceUNet(
        in_channels=sizes["in_channels"],
        out_channels=LATENT_CHANNELS,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        block_out_channels=tuple(channels),
        projection_class_embeddings_input_dim=sizes["vector_dim"],
        layers_per_block=sizes["num_res_blocks"],
        cross_attention_dim=sizes["context_dim"],
        num_attention_heads=tuple(c // sizes["num_head_channels"] for c in channels),
        num_frames=SLOTS,
    )


def released_names(unet: KeyFaceUNet, sizes: dict) -> dict[str, str]:
    """{name in the module: full name in a released checkpoint}."""
    return {ours: UNET + name for ours, name in unet_key_map(list(unet.state_dict()), sizes).items()}
