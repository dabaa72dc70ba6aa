"""Recipes: everything that decides how a scene or a file looks, as plain JSON. Nothing is drawn here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from orux_sandbox.art.palettes import look_of


def seed_of(*parts: Any) -> str:
    """A seed from anything that JSON can write."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def scene(
    *,
    seed: str,
    prompt: str,
    model: str,
    panel: int = 0,
    chaos: int = 0,
    stylize: int = 100,
    weird: int = 0,
    tile: bool = False,
    flat: bool = False,
    stamp: str | None = None,
    look: Mapping[str, Any] | None = None,
    sources: Sequence[str] = (),
    mask: str | None = None,
    share: float | None = None,
) -> dict[str, Any]:
    """One scene.

    :param look: subject, colours and light; by default they follow from prompt and seed.
    :param sources: names of images the caller sent, which the scene is laid over (see ``collage``).
    :param mask: the name of a mask the caller sent.
    """
    if look is None:
        look = look_of(prompt, seed, panel=panel, chaos=chaos, stylize=stylize, weird=weird)
    collage: dict[str, Any] = {}
    if sources:
        collage = {"sources": list(sources), "mask": mask, "turn": panel}
        if share is not None:
            collage["share"] = share
    return {
        **collage,
        "seed": f"{seed}/{panel}",
        "look": dict(look),
        "prompt": prompt,
        "model": model,
        "stylize": stylize,
        "weird": weird,
        "tile": tile,
        "flat": flat,
        "stamp": stamp,
    }


def four_scenes(
    *, seed: str, prompt: str, model: str, chaos: int = 0, **options: Any
) -> list[dict[str, Any]]:
    """The four scenes of a grid."""
    return [
        scene(seed=seed, prompt=prompt, model=model, panel=panel, chaos=chaos, **options)
        for panel in range(4)
    ]


def varied_scenes(parent: Mapping[str, Any], *, seed: str) -> list[dict[str, Any]]:
    """Four scenes with the look of one: its colours, its sun, its subject; other hills."""
    return [{**parent, "seed": f"{seed}/{panel}"} for panel in range(4)]


# Files


def image(
    scene: Mapping[str, Any],
    width: int,
    height: int,
    *,
    name: str,
    number: int | None = None,
    media_type: str = "image/png",
    quality: int = 90,
    grain: bool = False,
) -> dict[str, Any]:
    """An image of one scene.

    :param number: drawn in its corner, if it is one panel of a grid.
    :param quality: 1 to 100, for the formats that lose something.
    :param grain: make a large image as heavy as a real model's.
    """
    return {
        "grain": grain,
        "name": name,
        "media_type": media_type,
        "quality": quality,
        "draw": "scene",
        "scene": scene,
        "width": width,
        "height": height,
        "number": number,
    }


def grid(scenes: Sequence[Mapping[str, Any]], width: int, height: int, *, name: str) -> dict[str, Any]:
    """Four scenes in one PNG."""
    return {
        "name": name,
        "media_type": "image/png",
        "draw": "grid",
        "scenes": list(scenes),
        "width": width,
        "height": height,
    }


def preview(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """An image before it is finished."""
    return {**artifact, "name": "preview.png", "media_type": "image/png", "blurred": True}


def sent_in(source: str, width: int, height: int, *, name: str) -> dict[str, Any]:
    """An image the caller sent, as it was kept."""
    return {
        "name": name,
        "media_type": "image/png",
        "draw": "source",
        "source": source,
        "width": width,
        "height": height,
    }


def song(seed: str, seconds: int, *, name: str) -> dict[str, Any]:
    """A tune as WAV."""
    return {"name": name, "media_type": "audio/wav", "draw": "song", "seed": seed, "seconds": seconds}


def words(text: str, *, name: str) -> dict[str, Any]:
    """A text, like the words of a song."""
    return {"name": name, "media_type": "text/plain", "draw": "words", "text": text}


def clip(scene: Mapping[str, Any], width: int, height: int, *, name: str, seconds: int = 2) -> dict[str, Any]:
    """A clip as Motion-JPEG AVI."""
    return {
        "seconds": seconds,
        "name": name,
        "media_type": "video/x-msvideo",
        "draw": "film",
        "scene": scene,
        "width": width,
        "height": height,
    }
