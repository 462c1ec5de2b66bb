"""Settings of every test run."""

import torch

# The networks are tiny: threads would only wait for each other, and workers run side by side.
torch.set_num_threads(1)
