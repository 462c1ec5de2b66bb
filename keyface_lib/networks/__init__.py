"""The networks as classes of diffusers, fed from the released tensor names."""
