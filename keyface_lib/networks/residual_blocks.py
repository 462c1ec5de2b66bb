"""SVD's residual blocks in fewer passes over memory than diffusers makes; up to rounding the same.

Beside their 3 x 3 convolutions the blocks do little with each number: what takes time is to write new
tensors and to read them again. Where no gradient is recorded, nobody else needs what a block makes on its
way, and the next operation writes over it.
"""

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D, SpatioTemporalResBlock, TemporalResnetBlock
from torch import nn


class LeanResnetBlock(ResnetBlock2D):
    """A `ResnetBlock2D` without the options that SVD does not use."""

    def forward(self, input_tensor: torch.Tensor, temb: torch.Tensor | None = None) -> torch.Tensor:
        """(n, channels, h, w) to the same with the block's output channels; temb is (n, t)."""
        shift = None if self.time_emb_proj is None else self.time_emb_proj(F.silu(temb))
        change = _change(self, input_tensor, shift)
        return _add(change, input_tensor if self.conv_shortcut is None else self.conv_shortcut(input_tensor))


class LeanSpatioTemporalResBlock(SpatioTemporalResBlock):
    """A `SpatioTemporalResBlock`, blended in one operation.

    The block over time has no shortcut, so its result is `spatial + change`; of this and `spatial` the blend
    is `spatial + share * change`. The block itself is never called, only its layers are.
    """

    def forward(
        self,
        hidden_states: torch.Tensor,
        temb: torch.Tensor | None = None,
        image_only_indicator: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(n * frames, channels, h, w) to the same with the block's output channels.

        Args:
            temb: (n * frames, t)
            image_only_indicator: (n, frames), not 0 where the frame is a still image.
        """
        frames = image_only_indicator.shape[-1]
        spatial = _as_clips(self.spatial_res_block(hidden_states, temb), frames)
        temporal = self.temporal_res_block
        shift = None
        if temporal.time_emb_proj is not None:
            shift = _as_clips(temporal.time_emb_proj(F.silu(temb)), frames)
        change = _change(temporal, spatial, shift)

        share = self.time_mixer.get_alpha(image_only_indicator, spatial.ndim).to(spatial.dtype)
        if not self.time_mixer.switch_spatial_to_temporal_mix:
            share = 1 - share
        # Into or like `spatial`, whose frames lie in memory as the next layer wants them.
        blend = torch.addcmul if torch.is_grad_enabled() else torch.Tensor.addcmul_
        return blend(spatial, change, share).transpose(1, 2).flatten(0, 1)


def slim_residual_blocks(module: nn.Module) -> None:
    """Makes the residual blocks in a module lean ones, in place, but those with options SVD does not use."""
    for block in module.modules():
        # Only the way they are computed changes: parameters and their names stay.
        if type(block) is ResnetBlock2D and _is_plain(block):
            block.__class__ = LeanResnetBlock
        elif type(block) is SpatioTemporalResBlock and block.temporal_res_block.conv_shortcut is None:
            block.__class__ = LeanSpatioTemporalResBlock


def _is_plain(block: ResnetBlock2D) -> bool:
    return (
        block.upsample is None
        and block.downsample is None
        and block.time_embedding_norm == "default"
        and not block.skip_time_act
        and isinstance(block.nonlinearity, nn.SiLU)
        and block.output_scale_factor == 1
    )


def _as_clips(frames: torch.Tensor, length: int) -> torch.Tensor:
    """A view (n, channels, length, ...) of (n * length, channels, ...)."""
    return frames.unflatten(0, (-1, length)).transpose(1, 2)


def _change(
    block: ResnetBlock2D | TemporalResnetBlock, x: torch.Tensor, shift: torch.Tensor | None
) -> torch.Tensor:
    """What it adds to an input (n, channels, ..., h, w), given the projected temb (n, channels, ...)."""
    h = block.conv1(_silu(block.norm1(x)))
    if shift is not None:
        h = _add(h, shift[..., None, None])
    return block.conv2(block.dropout(_silu(block.norm2(h))))


def _silu(fresh: torch.Tensor) -> torch.Tensor:
    """SiLU of a tensor that nobody else needs, unless for gradients."""
    return F.silu(fresh, inplace=not torch.is_grad_enabled())


def _add(fresh: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """`fresh + other`, of which nobody else needs the first, unless for gradients."""
    # Autocast may have computed it in another type than the sum has.
    if torch.is_grad_enabled() or fresh.dtype != other.dtype:
        return fresh + other
    return fresh.add_(other)
