"""What Orux's songs and steps leave: files. And what callers send as URLs or base64: kept, to be drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.engine import fetching, inputs
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.orux.bodies import invalid
from orux_sandbox.orux.tables import Field

#: Seconds of a song whose length is not said.
_SECONDS = 60


def kept_inputs(engine: Engine, table: Mapping[str, Field], fields: Mapping[str, Any]) -> list[str]:
    """Images in base64, and, where the settings say so, what URLs lead to; their names in the store.

    That a URL which cannot be fetched is refused at once is the sandbox's own: the vendor may find out later.
    """
    names = []
    for field, value in fields.items():
        rule = table.get(field)
        # Midjourney's reference images are in no table, only in the prose.
        wanted = rule.fetched if rule is not None else "image" if field.startswith("reference_image") else ""
        if not wanted:
            continue
        for text in value if isinstance(value, list) else [value]:
            content = _content(engine, field, text, wanted)
            if content is None:
                continue
            try:
                names.append(inputs.keep(engine.store, content))
            except inputs.NotAnImageError as e:
                raise invalid(field, f"{field}: {e}.") from None
    return names


def _content(engine: Engine, field: str, text: str, wanted: str) -> bytes | None:
    """An image to keep: the caller's own, or the first frame of a clip; None: nothing to draw from."""
    if text.startswith("data:"):
        return inputs.decoded(text)
    if not engine.settings.fetch_inputs:
        return None
    try:
        content = fetching.fetch(text)
    except fetching.NotFetchedError as e:
        raise invalid(field, str(e)) from None
    if wanted == "image":
        return content
    fits = fetching.is_clip(content) if wanted == "video" else fetching.is_song(content)
    if not fits:
        raise invalid(field, f"{field} does not lead to a file of the right kind: {wanted} is wanted.")
    return fetching.frame_of(content) if wanted == "video" else None


def files_of_song(
    seed: str,
    fields: Mapping[str, Any],
    *,
    seconds: int | None = None,
    name: str = "song.wav",
    cover: bool = True,
    words: bool = True,
) -> list[dict[str, Any]]:
    """A song; "and (where supported) lyrics + cover art" (orux_more.md, 4.4).

    :param words: whether it may have lyrics.
    """
    length = int(fields.get("duration", _SECONDS)) if seconds is None else seconds
    files = [recipes.song(seed, length, name=name)]
    if cover:
        files.append(_cover(seed, str(fields.get("prompt") or "")))
    if words and not fields.get("instrumental"):
        files.append(recipes.words(_lyrics(fields), name="lyrics.txt"))
    return files


def files_of_step(
    step: str, seed: str, fields: Mapping[str, Any], parent: Job | None
) -> list[dict[str, Any]]:
    """What a step on a song leaves."""
    prompt = str(fields.get("prompt") or (parent.prompt if parent else ""))
    before = int(parent.artifacts[0].get("seconds", _SECONDS)) if parent and parent.artifacts else _SECONDS
    if step == "lyrics":
        return [recipes.words(_lyrics({"prompt": prompt}), name="lyrics.txt")]
    if step == "cover-img":
        return [_cover(seed, prompt)]
    if step == "mv":
        scene = recipes.scene(seed=seed, prompt=prompt, model="suno-mv")
        return [recipes.clip(scene, 320, 180, name="clip.avi", seconds=before)]
    if step == "stem":
        return [
            recipes.song(recipes.seed_of(seed, part), before, name=f"{part}.wav")
            for part in ("vocals", "music")
        ]
    added = int(fields.get("duration", _SECONDS)) if step in ("extend", "upload-extend") else 0
    given = {"prompt": prompt, **{k: v for k, v in fields.items() if k != "prompt"}}
    return files_of_song(seed, given, seconds=before + added, words=step != "instrumental")


def _cover(seed: str, prompt: str) -> dict[str, Any]:
    scene = recipes.scene(
        seed=recipes.seed_of(seed, "cover"), prompt=prompt, model="suno-cover-img", flat=True
    )
    return recipes.image(scene, 512, 512, name="cover.png")


def _lyrics(fields: Mapping[str, Any]) -> str:
    own = fields.get("lyrics")
    return str(own) if own else f"[Verse]\n{fields.get('prompt', '')}\n\n[Chorus]\nLa la la\n"
