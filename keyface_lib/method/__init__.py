"""What KeyFace is, as functions on tensors: torch and einops alone."""
