"""Files from recipes, rendered when they are first asked for and cached for a while."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from orux_sandbox.art import drawing, lettering, recordings
from orux_sandbox.art.drawing import Inputs

#: Bytes of rendered files that are cached.
CACHE_BYTES = 48 << 20

#: From this many pixels (4K) an image can get the grain real ones have: smooth ones pack far too well.
_HEAVY = 6_000_000


def rendered(artifact: Mapping[str, Any], scale: float, inputs: Inputs | None = None) -> bytes:
    """The bytes of an artifact. ``scale`` below 1 makes a smaller image of the same scene."""
    if artifact["draw"] == "song":
        tune = recordings.tune(artifact["seed"], artifact["seconds"])
        return tune[recordings.HEADER :] if artifact.get("raw") else tune
    if artifact["draw"] == "words":
        return str(artifact["text"]).encode()
    if artifact["draw"] == "source" and inputs is not None:
        return inputs(artifact["source"])
    width, height = (max(16, round(artifact[side] * scale)) for side in ("width", "height"))
    if artifact["draw"] == "film":
        seconds = int(artifact.get("seconds", 2))
        return recordings.clip(artifact["scene"], width, height, seconds=seconds, inputs=inputs)
    if artifact["draw"] == "grid":
        image = drawing.draw_grid(artifact["scenes"], width, height, inputs=inputs)
    else:
        image = drawing.draw_scene(artifact["scene"], width, height, inputs=inputs)
        if artifact["number"] is not None:
            lettering.number(image, artifact["number"])
        if artifact.get("grain") and width * height >= _HEAVY:
            image = drawing.grained(image, str(artifact["scene"]["seed"]))
    if artifact.get("blurred"):
        image = drawing.blurred(image)
    if artifact["media_type"] == "image/jpeg":
        return drawing.jpeg(image, artifact["quality"])
    if artifact["media_type"] == "image/webp":
        return drawing.webp(image, artifact["quality"])
    return drawing.png(image)


class Renderer:
    """Renders artifacts, and caches what it rendered lately."""

    def __init__(self, inputs: Inputs | None = None, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._inputs = inputs
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        # One at a time: drawing keeps a processor busy, and a second caller mostly wants the same file.
        self._rendering = threading.Lock()

    def render(self, artifact: Mapping[str, Any], *, scale: float = 1.0) -> bytes:
        """The bytes of an artifact, from the cache or rendered now. Slow: not for an event loop."""
        name = json.dumps([artifact, scale], sort_keys=True)
        with self._rendering:
            content = self._cached(name)
            if content is None:
                content = rendered(artifact, scale, self._inputs)
                self._add(name, content)
        return content

    @property
    def size(self) -> int:
        """Bytes in the cache."""
        return self._size

    def _cached(self, name: str) -> bytes | None:
        with self._lock:
            if name in self._cache:
                self._cache.move_to_end(name)
                return self._cache[name]
        return None

    def _add(self, name: str, content: bytes) -> None:
        with self._lock:
            self._cache[name] = content
            self._size += len(content)
            while self._size > self._cache_bytes and len(self._cache) > 1:
                _, dropped = self._cache.popitem(last=False)
                self._size -= len(dropped)
