"""``python -m orux_sandbox``, the same as the command ``orux-sandbox``."""

from __future__ import annotations

import sys

from orux_sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
