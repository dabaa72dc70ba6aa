"""The base of all typed requests: a model's fields, validated before paying, with helpful messages."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

from airflow_provider_orux.models.describe import describe_fields, limits_text
from airflow_provider_orux.models.errors import InvalidRequestError, redact
from airflow_provider_orux.models.input_images import unwrapped
from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.models.spelling import nearest

Kind = Literal["image", "audio", "video", "text"]
Verb = Literal["generate", "imagine", "upscale", "variation", "reroll", "blend", "describe"]

# Patterns are compiled when they are first used: a DAG file does without them.
_HTTPS = r"(?i)https://[^\s/?#]\S*"
_RATIO = r"\d{1,4}:\d{1,4}"


def https_url(value: str) -> str:
    """A URL that starts with ``https://``.

    :raises ValueError: it is something else.
    """
    value = value.strip()  # a cell of a table
    if not re.fullmatch(_HTTPS, value):
        raise ValueError("must be an https:// URL")
    try:
        urlsplit(value)
    except ValueError:  # half an IPv6 address, say
        raise ValueError("is not a valid URL") from None
    return value


def _ratio(value: str) -> str:
    if not re.fullmatch(_RATIO, value) or "0" in value.split(":"):
        raise ValueError("must be width:height in whole numbers, like 16:9")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if value.strip() == "None":
        raise ValueError("is the word None: a template or XCom had no value")
    return value


#: A URL that starts with ``https://``.
HttpsUrl = Annotated[str, AfterValidator(https_url), Field(json_schema_extra={"format": "https URL"})]

#: A free ``width:height`` ratio in whole numbers.
Ratio = Annotated[str, AfterValidator(_ratio), Field(json_schema_extra={"format": "ratio"})]

#: A text with at least one visible character.
NonBlank = Annotated[str, AfterValidator(_not_blank)]

#: Fields of free text that hold no text of the author: ids, the names of models, formats, sizes and styles.
PLAIN = frozenset(
    {
        "parent_job_id", "task_id", "voice_id", "voice_model_id", "continue_clip_id", "model_name", "mv", "size",
        "quality", "resolution", "aspect_ratio", "output_format", "style", "style_codes", "version", "effect", "ratio",
        "custom_id", "camera_control", "background", "google_search", "thinking",
    }
)  # fmt: skip

#: Types of a described field that hold no text of the author.
_NO_TEXT = r"(?:list of )?(?:integer|number|boolean|ratio|https URL|width x height)s?"


class GenerationRequest(BaseModel):
    """A validated request for one model of one gateway.

    Fields that were not given are not sent: the gateway's defaults apply. ``None`` means "not given".
    Numbers and booleans may be strings, as rendered templates are.

    :param extra_body: fields the vendor added after this version; sent unchanged. A name the model already has is
        refused.
    :raises InvalidRequestError: an unknown field, a value out of range, a missing field.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, protected_namespaces=(), hide_input_in_errors=True
    )

    #: The gateway that documents this model.
    gateway: ClassVar[str] = ""
    #: The model's id at the gateway.
    model: ClassVar[str] = ""
    kind: ClassVar[Kind] = "image"
    verb: ClassVar[Verb] = "generate"
    #: The document that the fields are taken from.
    source: ClassVar[str] = ""
    #: Where the gateway offers it only in part, a word on that ("generation 1 only"); empty: everywhere.
    availability: ClassVar[str] = ""

    extra_body: dict[str, JsonValue] = Field(default_factory=dict, exclude=True, repr=False)
    _contents: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, /, **fields: Any) -> None:
        given = unwrapped({k: v for k, v in fields.items() if v is not None}, describe_fields(type(self)))
        extra = given.get("extra_body")
        if isinstance(extra, Mapping):
            # The model too: else one model would be checked and remembered, and another one paid for.
            own = [name for name in extra if name in self.field_names() or name == "model"]
            if own:
                raise InvalidRequestError(
                    f"{_names(own)} in extra_body: {self.label()} has a field of that name",
                    gateway=self.gateway,
                    param=own[0],
                    charged="no",
                    next_step="Give it as the field itself; extra_body is for fields that this version does not know.",
                )
        try:
            super().__init__(**given)
        except ValidationError as e:
            raise self._refusal(e) from None

    @classmethod
    def label(cls) -> str:
        """The name of this request in messages: the model, and the verb unless it is a plain generation."""
        return cls.model if cls.verb in ("generate", "imagine") else f"{cls.model} {cls.verb}"

    @classmethod
    def field_names(cls) -> list[str]:
        """The model's own fields, in the order of the vendor's table."""
        return [name for name in cls.model_fields if name != "extra_body"]

    @classmethod
    def image_fields(cls) -> dict[str, bool]:
        """The fields that take images, and whether the gateway fetches https URLs in them itself.

        Other images, and files in any case, are read and passed as data URLs before the request is sent.
        """
        return {n: field["takes_urls"] for n, field in describe_fields(cls).items() if "takes_urls" in field}

    @classmethod
    def fetched_fields(cls) -> dict[str, str]:
        """The fields of files that the gateway fetches by URL, which a stored file gets: ``image``, ``video``, …"""
        return {n: field["fetched"] for n, field in describe_fields(cls).items() if "fetched" in field}

    def with_inputs(self, sent: Mapping[str, Any], contents: Mapping[str, Any]) -> Self:
        """The request as it is sent, with what its input files became.

        :param sent: by field: image bytes, or URLs that are good for a while.
        :param contents: by field: what the same files are called where they are compared, like a digest.
        """
        if not sent:
            return self
        ready = self.model_copy(update=dict(sent))
        ready._contents = {**self._contents, **contents}
        return ready

    def content(self) -> dict[str, Any]:
        """Every field with ``extra_body``, as the request is compared with others: files by what is in them."""
        return {**self.fields(), **self.extra_body, **self._contents}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Without images: one can be megabytes of base64."""
        hidden = {**self.image_fields(), **self.fetched_fields()}
        for name, value in super().__repr_args__():
            yield name, "…" if name in hidden and value is not None else value

    def fields(self) -> dict[str, Any]:
        """The fields that were given, as JSON values, without ``extra_body``."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"extra_body"}, by_alias=False)

    def text_fields(self) -> frozenset[str]:
        """The fields of the request and its ``extra_body`` that may hold a text of the author, like a prompt or lyrics.

        A field is one unless its type or its name says that it cannot be; all of ``extra_body`` is.
        """
        plain = {
            name
            for name, field in describe_fields(type(self)).items()
            if name in PLAIN
            or "allowed" in field
            or "takes_urls" in field
            or "fetched" in field
            or re.fullmatch(_NO_TEXT, field["type"])
        }
        return frozenset({*self.fields(), *self.extra_body} - plain)

    @classmethod
    def check_known(cls, fields: Mapping[str, Any], *, pending: Iterable[str]) -> None:
        """Check the fields that are already known, while others (templates) are not.

        :param fields: the known ones.
        :param pending: names of fields whose values come later.
        :raises InvalidRequestError: a known value is wrong, a name is unknown, or a field is missing that is not
            among the pending ones.
        """
        waiting = set(pending)
        unknown = {name: "…" for name in waiting if name not in cls.field_names()}
        given = unwrapped({k: v for k, v in fields.items() if v is not None} | unknown, describe_fields(cls))
        try:
            # With an instance of ours the validator does not go through __init__, which would refuse at once.
            cls.__pydantic_validator__.validate_python(given, self_instance=cls.__new__(cls))
        except ValidationError as e:
            # A rule between fields (no place) cannot be judged before all of them are known.
            real = [
                p
                for p in e.errors()
                if (p["loc"] or not waiting)
                and not (p["type"] == "missing" and p["loc"] and p["loc"][0] in waiting)
            ]
            if real:
                raise cls._refusal(e, skip_missing=waiting) from None

    @classmethod
    def _refusal(cls, e: ValidationError, *, skip_missing: Iterable[str] = ()) -> InvalidRequestError:
        """What is wrong with the fields that were given, in words."""
        names = cls.field_names()
        parts: list[str] = []
        fields: list[str] = []
        first: str | None = None
        for problem in e.errors(include_url=False, include_context=True):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            if problem["type"] == "missing" and name in skip_missing:
                continue
            first = first or name
            kind, ctx = problem["type"], problem.get("ctx") or {}
            if kind == "extra_forbidden":
                near = nearest(name, names)
                hint = f"; did you mean `{near}`?" if near else "."
                parts.append(f"`{name}` is not a field of {cls.label()}{hint}")
                fields = [f"Its fields: {', '.join(names)}."]
            elif kind == "missing":
                parts.append(f"`{name}` is missing: {cls.label()} needs it.")
            elif not problem["loc"]:
                # A rule between fields: there is no one field to name, and the input would be the whole request.
                parts.append(f"{cls.label()}: {problem['msg'].removeprefix('Value error, ').rstrip('.')}.")
            else:
                field = describe_fields(cls).get(name, {})
                values = field.get("allowed")
                given = problem.get("input")
                # A value of the wrong type may be anything, a prompt in a list for one: its type says enough.
                shown = f"a {type(given).__name__}" if kind.endswith("_type") else redact(repr(given))[:60]
                near = nearest(str(given), map(str, values)) if values and isinstance(given, str) else None
                if values:
                    hint = f" Did you mean {near!r}?" if near and near != given else ""
                    parts.append(
                        f"`{name}` of {cls.label()} is {shown}; allowed: {limits_text(field)}.{hint}"
                    )
                elif kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
                    parts.append(f"`{name}` of {cls.label()} is {shown}; allowed: {limits_text(field)}.")
                elif kind in ("string_too_long", "too_long", "too_short", "string_too_short"):
                    limit = ctx.get("max_length", ctx.get("min_length"))
                    size = len(given) if isinstance(given, (str, list, tuple)) else "?"
                    unit = "characters" if isinstance(given, str) else "items"
                    least = "at most" if "long" in kind else "at least"
                    parts.append(f"`{name}` of {cls.label()} has {size} {unit}; allowed: {least} {limit}.")
                else:
                    why = problem["msg"].removeprefix("Value error, ").rstrip(".")
                    parts.append(f"`{name}` of {cls.label()} is {shown}: {why[:1].lower()}{why[1:]}.")
        return InvalidRequestError(
            " ".join([*parts, *fields]),
            gateway=cls.gateway or None,
            param=first,
            charged="no",
            next_step="Nothing was sent. "
            + (
                "A field that the vendor added lately can be passed with extra_body={…}."
                if any(p["type"] == "extra_forbidden" for p in e.errors(include_url=False))
                else "Correct the value."
            ),
        )

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """The model and verb as a JSON value.

        :returns: ``gateway``, ``gateway_title``, ``model``, ``verb``, ``kind``, ``summary``, ``availability``,
            ``source``, ``request`` (the class to import) and ``fields``, a list of what
            :func:`~airflow_provider_orux.models.describe.describe_fields` says.
        """
        summary = (inspect.getdoc(cls) or "").partition("\n\n")[0]
        described = describe_fields(cls)
        return {
            "gateway": cls.gateway,
            "gateway_title": title_of(cls.gateway),
            "model": cls.model,
            "verb": cls.verb,
            "kind": cls.kind,
            "summary": " ".join(summary.split()),
            "availability": cls.availability,
            "source": cls.source,
            "request": f"{cls.__module__}.{cls.__qualname__}",
            "fields": [described[name] for name in cls.field_names()],
        }

    def warnings(self) -> list[str]:
        """Warnings about fields that will be sent differently; empty for most models."""
        return []

    @property
    def display_name(self) -> str:
        """What the log calls it."""
        return self.label()

    @property
    def model_id(self) -> str:
        """The model's id at the gateway."""
        return self.model

    @property
    def makes_inline(self) -> bool:
        """True if the answer will contain base64 images instead of URLs."""
        return getattr(self, "response_format", None) == "b64_json"

    @property
    def count(self) -> int | None:
        """How many artifacts were requested; None if the request does not say."""
        n = getattr(self, "n", None)
        return n if isinstance(n, int) else None


class CustomRequest(GenerationRequest):
    """A request for a model unknown to this version: a name and a dict, sent unchecked.

    :param name: the model's id, as the gateway calls it; on OpenGPU Relay also a route (``/v2/…``).
    :param body: all fields of the request but ``model``; with a route that too, where the route has several models.
    """

    verb: ClassVar[Verb] = "generate"
    name: NonBlank
    body: dict[str, JsonValue]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if "model" in self.body and not self.name.startswith("/"):
            raise ValueError("`body` must not contain `model`: that is the name")
        prompt = self.body.get("prompt", "")
        if prompt is None or (isinstance(prompt, str) and prompt.strip() == "None"):
            raise ValueError("`prompt` in `body` is None: a template or XCom had no value")
        return self

    @classmethod
    def label(cls) -> str:
        """Without a model: only an instance has one."""
        return "a CustomRequest"

    @property
    def display_name(self) -> str:
        """The name that was given."""
        return self.name

    @property
    def model_id(self) -> str:
        """The name that was given."""
        return self.name

    def fields(self) -> dict[str, Any]:
        """The free dict."""
        return dict(self.body)

    @property
    def makes_inline(self) -> bool:
        """True when the free dict asks for ``response_format: b64_json``."""
        return self.body.get("response_format") == "b64_json"

    @property
    def count(self) -> int | None:
        """The ``n`` of the free dict."""
        n = self.body.get("n")
        return n if isinstance(n, int) else None


def _names(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
