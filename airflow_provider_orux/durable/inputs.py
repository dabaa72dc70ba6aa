"""Which files a task may use as inputs: below ``[orux] input_roots``, or named in the DAG file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.compat import conf
from airflow_provider_orux.models.errors import ConfigurationError
from airflow_provider_orux.models.input_images import file_text
from airflow_provider_orux.models.requests import GenerationRequest

if TYPE_CHECKING:
    from airflow_provider_orux.storage import StorageSettings

#: Seconds; S3 and GCS sign for no longer than a week.
LONGEST_SIGNED = 7 * 86_400


def with_input_files(
    request: GenerationRequest, context: Any, *, settings: StorageSettings, conn_id: str | None
) -> GenerationRequest:
    """The request with its files as the gateway takes them.

    :param context: of the task.
    :param conn_id: the Airflow connection of the storage.
    :raises InvalidRequestError: a file may not be used, or cannot be; nothing was sent.
    """
    from airflow_provider_orux.storage.inputs import InputFiles

    files = InputFiles(
        settings=settings,
        conn_id=conn_id,
        roots=input_roots(),
        written=written_in_dag(context),
        url_seconds=signed_url_seconds(),
    )
    return files.ready(request)


def input_roots() -> list[str]:
    """The folders of ``[orux] input_roots``."""
    text = conf.get("orux", "input_roots", fallback="") or ""
    return [root.strip() for root in text.split(",") if root.strip()]


def signed_url_seconds() -> int:
    """``[orux] signed_url_seconds``.

    :raises ConfigurationError: it is no number from 60 to a week.
    """
    from airflow_provider_orux.storage.inputs import SIGNED_URL_SECONDS

    text = conf.get("orux", "signed_url_seconds", fallback=str(SIGNED_URL_SECONDS))
    seconds = int(text) if str(text).strip().isdecimal() else 0
    if not 60 <= seconds <= LONGEST_SIGNED:
        raise ConfigurationError(
            f"[orux] signed_url_seconds is {text!r}; write a number of seconds from 60 to {LONGEST_SIGNED}",
            param="signed_url_seconds",
            charged="no",
        )
    return seconds


def written_in_dag(context: Any) -> frozenset[str]:
    """The texts that stand in the arguments of the task in its DAG file, and are no templates.

    What runs is a rendered copy of the task; the DAG of the context holds the one that the author wrote.
    """
    task = getattr(context.get("dag"), "task_dict", {}).get(context["ti"].task_id)
    arguments = getattr(task, "partial_kwargs", None)
    if arguments is None:
        names = getattr(task, "template_fields", ())
        arguments = {name: getattr(task, name, None) for name in names}
    return frozenset(_texts(arguments))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not any(mark in value for mark in ("{{", "{%", "{#")):
            yield value
    elif callable(getattr(value, "as_uri", None)):
        yield str(file_text(value))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
