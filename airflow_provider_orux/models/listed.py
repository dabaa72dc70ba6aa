"""Requests by name: for a model that a gateway's own catalogue describes when the task runs.

OpenGPU Relay's models change monthly, so most have no class here. What is known of them when a DAG is parsed is their
name; route, fields and limits come from ``GET /v2/models/{model}`` before anything is paid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, Field

from airflow_provider_orux.models.requests import CustomRequest

_URL_NAME = re.compile(r"_urls?$")
_URL_WORDS = re.compile(r"\burls?\b", re.IGNORECASE)
_DATA_WORDS = re.compile(r"data uri|data url|data:[a-z]", re.IGNORECASE)
_BASE64_WORDS = re.compile(r"base64", re.IGNORECASE)
#: What fields of media are called, where they do not end in ``_url``.
_MEDIA_NAME = re.compile(r"image|mask|frame|video|audio", re.IGNORECASE)

#: In a list of prices, before the name of a retention or a model: what the retention of one file costs.
KEPT = "kept@"


@dataclass(frozen=True)
class Takes:
    """How a field takes a file: as a URL, as base64, as a data URL."""

    url: bool
    base64: bool
    data_url: bool

    @property
    def inline(self) -> bool:
        """Whether the bytes may stand in the request itself."""
        return self.base64 or self.data_url


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """A model as the gateway's catalogue describes it today.

    :param path: of its route.
    :param model_in_body: whether the route serves several, so that the body names it.
    :param async_default: whether the route makes a job unless it is told not to.
    :param stores_output: whether it keeps what it made for longer, if it is asked to.
    :param inline: whether the answer holds bytes instead of URLs.
    :param workflow: whether it is a workflow, whose body holds ``inputs``.
    :param schema: of its request; None: the catalogue does not tell.
    :param prices: amount and unit (``USD/second``), as in the gateway's list of prices.
    """

    name: str
    path: str
    model_in_body: bool = False
    async_default: bool = False
    stores_output: bool = False
    inline: bool = False
    workflow: bool = False
    schema: Mapping[str, Any] | None = None
    prices: Mapping[str, tuple[float, str]] = field(default_factory=dict)

    def defaults(self) -> dict[str, Any]:
        """The fields' defaults, where the schema tells them."""
        known = properties_of(self.schema or {})
        return {name: schema["default"] for name, schema in known.items() if "default" in schema}

    def files(self) -> dict[str, Takes]:
        """The fields that take a file, by name, as the schema's words have it."""
        found = {}
        for name, schema in properties_of(self.schema or {}).items():
            words = " ".join(_words(schema))
            by_name = bool(_URL_NAME.search(name)) and name != "webhook_url"
            takes = Takes(
                url=by_name or bool(_URL_WORDS.search(words)),
                base64=bool(_BASE64_WORDS.search(words)),
                data_url=bool(_DATA_WORDS.search(words)),
            )
            if by_name or (_MEDIA_NAME.search(name) and (takes.url or takes.inline)):
                found[name] = takes
        return found


@dataclass(frozen=True)
class InputFile:
    """A file that was read, for a field that takes a URL only: it is uploaded before the request is sent.

    :param name: of the file, without folders.
    """

    content: bytes = field(repr=False)
    media_type: str
    name: str
    sha256: str

    @property
    def mark(self) -> str:
        """What stands in the request until its URL does; two files of one content have one mark."""
        return f"file:sha256:{self.sha256}"


class ListedRequest(CustomRequest):
    """A request by name, checked against what the gateway's catalogue says of the model."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    entry: ListedModel = Field(repr=False)
    #: Files that are to be uploaded.
    uploads: tuple[InputFile, ...] = Field(default=(), repr=False)

    @classmethod
    def of(cls, request: CustomRequest, entry: ListedModel, body: Mapping[str, Any]) -> ListedRequest:
        """The request with the catalogue's entry, and its fields as the schema has them."""
        extra = dict(request.extra_body) or None
        return cls(name=request.name, body=dict(body), extra_body=extra, entry=entry)

    @property
    def makes_inline(self) -> bool:
        """As the catalogue describes the answer."""
        return self.entry.inline

    def with_body(self, *, uploads: tuple[InputFile, ...] | None = None, **changes: Any) -> ListedRequest:
        """The same with other values of some fields."""
        body = {**self.body, **changes}
        return self.model_copy(update={"body": body, "uploads": self.uploads if uploads is None else uploads})

    def with_urls(self, urls: Mapping[str, str]) -> ListedRequest:
        """The same with URLs in the place of uploaded files.

        :param urls: by the mark of the file.
        """

        def put(value: Any) -> Any:
            if isinstance(value, list):
                return [put(item) for item in value]
            return urls.get(value, value) if isinstance(value, str) else value

        return self.with_body(uploads=(), **{name: put(value) for name, value in self.body.items()})


def branches_of(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas of which a value has to fit one; the schema itself, where there is no choice."""
    found = schema.get("anyOf")
    return [o for o in found if isinstance(o, Mapping)] if isinstance(found, list) else [schema]


def _words(schema: Mapping[str, Any]) -> list[str]:
    places = [schema, *branches_of(schema)]
    places += [p["items"] for p in places if isinstance(p.get("items"), Mapping)]
    return [p["description"] for p in places if isinstance(p.get("description"), str)]


def properties_of(schema: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The schema's fields by name; those that are no schema themselves are left out."""
    found = schema.get("properties")
    if not isinstance(found, Mapping):
        return {}
    return {str(n): _resolved(p, schema) for n, p in found.items() if isinstance(p, Mapping)}


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A field's schema, of a `$ref` into the same document what it names."""
    name = schema.get("$ref")
    for place in ("$defs", "definitions"):
        if isinstance(name, str) and name.startswith(f"#/{place}/") and isinstance(root.get(place), Mapping):
            named = root[place].get(name.rpartition("/")[2])
            return {**named, **schema} if isinstance(named, Mapping) else schema
    return schema
