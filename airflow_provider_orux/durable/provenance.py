"""What a manifest says of how a job's artifacts came to be, with the author's texts as ``record_prompt`` has it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from airflow_provider_orux import __version__
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage.texts import announces_text

#: ``full``: prompts as they are; ``hash``: their SHA-256; ``none``: nothing of them.
RecordPrompt = Literal["full", "hash", "none"]

#: Keys of a free body that are names. Another one may be a text of the author, too.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def provenance(
    job: Job, request: GenerationRequest | None, *, identity: TaskIdentity, record_prompt: RecordPrompt
) -> dict[str, Any]:
    """The facts of a job for its manifest.

    :param request: what was asked for, where it is known.
    :param record_prompt: what is recorded of the fields that the request calls the author's texts.
    """
    value: dict[str, Any] = {"gateway": job.gateway, "job_id": job.job_id, "model": job.model}
    if request is not None:
        texts = request.text_fields()
        fields = {
            name: recorded(item, record_prompt) if name in texts else item
            for name, item in {**request.fields(), **request.extra_body}.items()
        }
        value |= {n: fields.pop(n) for n in ("parent_job_id", "index") if fields.get(n) is not None}
        if "prompt" in fields:
            prompt = fields.pop("prompt")
            if record_prompt == "full":
                value["prompt"] = prompt
            elif record_prompt == "hash":
                value["prompt_sha256"] = str(prompt).removeprefix("sha256:")
        value |= {"model": request.model_id or job.model, "verb": request.verb, "parameters": fields}
    return {
        **value,
        "dag_id": identity.dag_id,
        "run_id": identity.run_id,
        "task_id": identity.task_id,
        "map_index": identity.map_index,
        "request_id": job.details.get("request_id"),
        "submitted_at": job.submitted_at,
        "finished_at": job.finished_at,
        "charged": job.charged,
        "price": job.price,
        "currency": job.currency,
        "requested": request.count if request is not None else None,
        "returned": len(job.artifacts),
        "provider_version": __version__,
    }


def as_handed_over(
    job: Job, request: GenerationRequest | None, *, record_prompt: RecordPrompt, keep_urls: bool
) -> Job:
    """The job without what the gateway repeats of its inputs, and without what the author wants kept out."""
    job = with_shown_details(without_inputs(job, request), record_prompt=record_prompt, keep_urls=keep_urls)
    return without_own_words(job, request, record_prompt=record_prompt)


def with_shown_details(job: Job, *, record_prompt: RecordPrompt, keep_urls: bool) -> Job:
    """The job without those details that the author wants kept out: titles are texts, covers are URLs.

    :param record_prompt: other than ``full``: no titles.
    :param keep_urls: False: no covers.
    """
    hidden = {"title"} if record_prompt != "full" else set()
    hidden |= set() if keep_urls else {"cover"}
    artifacts = (
        replace(a, details={n: v for n, v in a.details.items() if n not in hidden}) for a in job.artifacts
    )
    return replace(job, artifacts=tuple(artifacts)) if hidden else job


def without_own_words(job: Job, request: GenerationRequest | None, *, record_prompt: RecordPrompt) -> Job:
    """The job without the words of a song that the author wrote, where they are to be kept out: the gateway repeats
    them, as a file beside the song or in its answer.
    """
    if record_prompt == "full" or request is None or "lyrics" not in request.fields():
        return job
    artifacts = tuple(a for a in job.artifacts if not announces_text(a.url))
    return replace(job, artifacts=artifacts, text=None) if artifacts else job


def without_inputs(job: Job, request: GenerationRequest | None) -> Job:
    """The job without artifacts at URLs that the request itself named: a gateway may repeat its inputs in a result."""
    named = set(_texts({**request.fields(), **request.extra_body})) if request is not None else set()
    made = tuple(artifact for artifact in job.artifacts if artifact.url is None or artifact.url not in named)
    return replace(job, artifacts=made) if 0 < len(made) < len(job.artifacts) else job


def without_texts(message: str, request: GenerationRequest) -> str:
    """A message of a gateway, which may quote the request, without the author's texts."""
    given = {**request.fields(), **request.extra_body}
    texts = {text for name in request.text_fields() for text in _texts(given[name]) if len(text) > 3}
    for text in sorted(texts, key=len, reverse=True):
        message = message.replace(text, "(a text of the request)")
    return message


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from () if _NAME.fullmatch(str(key)) else (str(key),)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def recorded(value: Any, record_prompt: RecordPrompt) -> Any:
    """A value as the manifest may hold it: every text in it, at any depth, as ``record_prompt`` has it."""
    if record_prompt == "full":
        return value
    if isinstance(value, str):
        if record_prompt == "none":
            return "(not recorded)"
        return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(value, Mapping):
        return {
            key if _NAME.fullmatch(str(key)) else recorded(str(key), record_prompt): recorded(
                item, record_prompt
            )
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [recorded(item, record_prompt) for item in value]
    return value
