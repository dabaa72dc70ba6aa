"""What the sandbox's language model writes: always the same for the same messages, and of use to a pipeline.

It has no wit of its own. It writes a prompt for an image of what the last message is about; a short script or lyrics
where the messages ask for one; JSON where a schema is given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

#: One of each is chosen by the words of the messages.
_LIGHTS = ("soft morning light", "golden hour", "overcast daylight", "warm studio light", "blue dusk")
_VIEWS = ("close-up", "wide shot", "seen from above", "at eye level", "three-quarter view")
_MOODS = ("calm", "festive", "quiet", "bold", "playful")
#: Words of a message that ask for something else than a prompt for an image.
_FORMS = {
    "lyrics": "lyrics",
    "song": "lyrics",
    "script": "script",
    "voice-over": "script",
    "narration": "script",
}
#: Characters of a subject.
_LONGEST_SUBJECT = 400
#: Values of one JSON object at most, and how deep a schema is followed.
_MOST_ITEMS, _DEEPEST = 4, 6


def write(messages: Sequence[Mapping[str, str]]) -> str:
    """The answer to messages.

    :param messages: ``role`` and ``content``, the last a user's.
    """
    asked = " ".join(message["content"] for message in messages)
    subject, chance = _subject(messages), _chance(asked)
    form = next((form for word, form in _FORMS.items() if re.search(rf"\b{word}\b", asked.lower())), "image")
    light, view, mood = chance(_LIGHTS), chance(_VIEWS), chance(_MOODS)
    if form == "script":
        return (
            f"This is {subject}. Look at it in {light}: {mood}, and made with care. "
            f"Take a moment for {subject}, and keep it."
        )
    if form == "lyrics":
        verse = f"[Verse]\n{subject}, in {light}\n{mood} all day, {mood} all night"
        return f"{verse}\n\n[Chorus]\nOh, {subject}\nOh, {subject}"
    return f"{subject}, {view}, {light}, {mood} mood, fine detail"


def write_json(schema: Mapping[str, Any], messages: Sequence[Mapping[str, str]]) -> Any:
    """A value of a JSON schema: its texts are what :func:`write` says, its other parts the smallest that fit."""
    text = write(messages)
    return _value(schema, schema.get("$defs") or {}, text, "", _DEEPEST)


def _value(schema: Any, defined: Mapping[str, Any], text: str, name: str, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth == 0:
        return None
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _value(defined.get(reference.rpartition("/")[2]), defined, text, name, depth - 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(several), list) and schema[several]:
            return _value(schema[several][0], defined, text, name, depth - 1)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or "properties" in schema:
        parts = schema.get("properties") or {}
        return {part: _value(inner, defined, text, part, depth - 1) for part, inner in parts.items()}
    if kind == "array":
        least = schema.get("minItems")
        count = min(least if isinstance(least, int) and least > 0 else 1, _MOST_ITEMS)
        return [_value(schema.get("items"), defined, text, name, depth - 1) for _ in range(count)]
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    longest = schema.get("maxLength")
    said = text if name in ("", "prompt", "response", "answer", "text", "content") else f"{name}: {text}"
    return said[:longest] if isinstance(longest, int) else said


def _subject(messages: Sequence[Mapping[str, str]]) -> str:
    """What the last message is about: what stands after its last colon, or all of it."""
    last = " ".join(messages[-1]["content"].split())
    subject = last.rpartition(": ")[2] or last
    return subject.strip().rstrip(".!?")[:_LONGEST_SUBJECT] or "an empty stage"


def _chance(words: str) -> Any:
    """Chooses one of several, by the words and by how often it was asked."""
    digest = iter(hashlib.sha256(words.encode()).digest())
    return lambda choices: choices[next(digest) % len(choices)]
