"""KeyFace (Bigata et al., CVPR 2025): one portrait and one voice recording become a talking, feeling face."""
