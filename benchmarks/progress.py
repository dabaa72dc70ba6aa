"""Lines that tell how far a run is, and when it was there."""

from __future__ import annotations

import time

_began = time.monotonic()


def say(words: str) -> None:
    """One line, with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _began), 60)
    print(f"{time.strftime('%H:%M:%S')} +{minutes:02}:{seconds:02}  {words}", flush=True)
