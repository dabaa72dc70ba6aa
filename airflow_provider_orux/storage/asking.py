"""A question to a person about saved images: which there are, and how the Airflow UI shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.lifecycle import choice
from airflow_provider_orux.models.arguments import refuse
from airflow_provider_orux.storage.served import ServedRoots


def ask_about(result: Any) -> tuple[list[str], str]:
    """The labels to choose from, and the question as Markdown.

    :param result: of the task that made the images.
    :raises InvalidRequestError: it names no saved images.
    :raises NotServedError: they lie where the gallery shows none.
    """
    manifest = result.get("manifest") if isinstance(result, Mapping) else None
    if not isinstance(manifest, str):
        refuse("result", "`result` names no saved images: give the task that makes them a save_to")
    folder = ServedRoots.configured().look(manifest)
    images = [e for e in folder.entries if str(e.get("media_type")).startswith("image/")]
    if not images:
        refuse("result", "`result` has no image among its artifacts")
    maker, count = folder.maker, choice.choices(folder.manifest, images)
    # One image is shown in its own size: the four of a grid are small enough.
    key = "name" if len(images) == 1 else "thumbnail"
    addresses = [maker.address("file", name=str(e.get(key) or e["name"])) for e in images[: choice.MOST]]
    question = choice.question(
        addresses, count, prompt=folder.manifest.get("prompt"), page=maker.address("task")
    )
    return choice.labels(count), question
