"""`python -m keyface_lib` is the `keyface` command."""

import sys

from .cli import main

sys.exit(main())
