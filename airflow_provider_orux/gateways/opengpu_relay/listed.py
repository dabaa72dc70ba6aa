"""Relay's catalogue (generation 2), for a request by name: ``GET /v2/models/{model}`` and ``GET /v2/workflows/{id}``.

Its answer names the route, whether the body names the model, whether the route makes a job by default, whether it keeps
what it makes, and the JSON schema of the request. It needs no key; with one it is the account's own view.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_orux.gateways.answers import words_of
from airflow_provider_orux.gateways.opengpu_relay.prices import read_prices
from airflow_provider_orux.gateways.opengpu_relay.tasks import own_path
from airflow_provider_orux.gateways.wire import HttpRequest, Purpose
from airflow_provider_orux.models.errors import (
    InvalidRequestError,
    OruxError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
    redact,
)
from airflow_provider_orux.models.input_images import form_of, to_base64, to_data_url
from airflow_provider_orux.models.listed import ListedModel, ListedRequest, properties_of
from airflow_provider_orux.models.relay_names import RELAY_MODELS
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest
from airflow_provider_orux.models.spelling import nearest_few

log = logging.getLogger(__name__)

NAME = "opengpu_relay"
#: What the name of a workflow begins with, as a model: ``workflow/gen-edit``.
WORKFLOW = "workflow/"
#: The tag of models whose answer is neither a file nor a text.
_EMBEDDINGS = "text-to-embedding"
#: Keys of an answer that hold bytes.
_INLINE = frozenset({"images", "audio_base64"})
#: Fields of every route that are no field of a workflow's inputs.
_AROUND = ("store_output", "webhook_url")
#: Stands for a file while the fields are checked: its URL comes later.
_SOME_URL = "https://example.com/file"


def is_by_name(request: GenerationRequest) -> bool:
    """Whether a request names a model that is to be looked up, and not a route."""
    return (
        isinstance(request, CustomRequest)
        and not isinstance(request, ListedRequest)
        and not request.name.startswith("/")
    )


def question(request: CustomRequest) -> HttpRequest:
    """What to ask the catalogue. Slashes of a model's name stay as they are."""
    name = request.name
    if name.startswith(WORKFLOW):
        return HttpRequest(
            "GET", "/v2/workflows/" + quote(name.removeprefix(WORKFLOW), safe=""), Purpose.READ
        )
    # A dot segment would be another path.
    parts = [
        part.replace(".", "%2E") if not part.strip(".") else quote(part, safe="") for part in name.split("/")
    ]
    return HttpRequest("GET", "/v2/models/" + "/".join(parts), Purpose.READ)


def unknown(request: CustomRequest, error: OruxError) -> UnsupportedByGatewayError:
    """The error for a name that the catalogue does not have."""
    near = nearest_few(request.name, RELAY_MODELS)
    return UnsupportedByGatewayError(
        f"The gateway has no model `{redact(request.name)[:80]}`: {error.message}"
        + (f" Did you mean `{near[0]}`?" if near else ""),
        gateway=NAME,
        code=error.code,
        charged="no",
        http_status=error.http_status,
        param="model",
        next_step="Nothing was sent. GET /v2/models lists the models of the key; names are told apart by upper and "
        "lower case.",
    )


def listed_request(request: CustomRequest, value: Mapping[str, Any]) -> ListedRequest:
    """The request with its catalogue entry, and its fields checked.

    :raises UnsupportedByGatewayError: the model is retired, or not for this account.
    :raises InvalidRequestError: a field is wrong.
    :raises UnexpectedResponseError: the entry names no route.
    """
    entry = _workflow(request, value) if request.name.startswith(WORKFLOW) else _model(request, value)
    body = {name: item for name, item in request.fields().items() if item is not None}
    if entry.schema is None:
        log.warning("The catalogue has no schema of %s: its fields are sent unchecked", entry.name)
        return ListedRequest.of(request, entry, body)
    # Late: only a request by name needs the library.
    from airflow_provider_orux.models.schema import UnusableSchemaError, check, fitted

    around = {name: body.pop(name) for name in _AROUND if entry.workflow and name in body}
    body = fitted(entry.schema, body)
    named = {"model": entry.name} if entry.model_in_body else {}
    try:
        check(
            entry.schema,
            {**named, **_with_urls(entry, body)},
            label=entry.name,
            gateway=NAME,
            elsewhere=request.extra_body,
        )
    except UnusableSchemaError as e:
        log.warning(
            "The catalogue's schema of %s cannot be used (%s): its fields are sent unchecked", entry.name, e
        )
    return ListedRequest.of(request, entry, {**body, **around})


def body_of(request: ListedRequest) -> dict[str, Any]:
    """The body that is sent, its files in the form that the fields take."""
    entry, body = request.entry, request.fields()
    for name, takes in entry.files().items():
        value = body.get(name)
        if isinstance(value, list):
            body[name] = [_wire(item, data_url=takes.data_url) for item in value]
        elif value is not None:
            body[name] = _wire(value, data_url=takes.data_url)
        for item in body[name] if isinstance(body.get(name), list) else [body.get(name)]:
            if isinstance(item, str) and form_of(item) == "file":
                raise InvalidRequestError(
                    f"`{name}` of {entry.name} is a file that was not read; the gateway takes "
                    + ("its bytes" if takes.inline else "a URL"),
                    gateway=NAME,
                    param=name,
                    charged="no",
                    next_step="Nothing was sent. Use an operator that reads it, or give a URL.",
                )
    if entry.workflow:
        around = {name: body.pop(name) for name in _AROUND if name in body}
        return {"inputs": {**body, **request.extra_body}, **around}
    named = {"model": entry.name} if entry.model_in_body else {}
    return {**named, **body, **request.extra_body}


def _model(request: CustomRequest, value: Mapping[str, Any]) -> ListedModel:
    """``{name, store_output_supported, endpoint, request_schema, response_schema, available, status, …}``."""
    if value.get("status") == "retired" or value.get("available") is False:
        state = "is retired" if value.get("status") == "retired" else "is not available to this account"
        tiers = words_of(value.get("restricted_tiers"), 100)
        said = words_of(value.get("message") or value.get("detail"))
        raise UnsupportedByGatewayError(
            f"The gateway says that the model `{request.name}` {state}"
            + (f" (tiers without it: {tiers})" if tiers and value.get("status") != "retired" else "")
            + (f": {said}" if said else ""),
            gateway=NAME,
            code="MODEL_RETIRED" if value.get("status") == "retired" else "MODEL_NOT_AVAILABLE",
            charged="no",
            param="model",
            next_step="Nothing was sent. Use another model; GET /v2/models lists those of the key.",
        )
    if value.get("tag") == _EMBEDDINGS:
        raise UnsupportedByGatewayError(
            f"The model `{request.name}` answers at once with vectors: there is no job, and nothing to save",
            gateway=NAME,
            charged="no",
            param="model",
            next_step="Nothing was sent. Use a client for embeddings.",
        )
    endpoint = value.get("endpoint")
    facts: Mapping[str, Any] = endpoint if isinstance(endpoint, Mapping) else {}
    path = facts.get("path")
    path = own_path(path) if isinstance(path, str) and path.startswith("/v2/") else None
    if path is None or facts.get("method", "POST") != "POST":
        raise UnexpectedResponseError(
            f"The catalogue names no route for the model `{redact(request.name)[:80]}`",
            gateway=NAME,
            charged="no",
            next_step='Nothing was sent. Name the route: CustomRequest(name="/v2/…", body={…}).',
        )
    schema, answer = value.get("request_schema"), value.get("response_schema")
    keys = properties_of(answer) if isinstance(answer, Mapping) else {}
    return ListedModel(
        name=request.name,
        path=path,
        model_in_body=facts.get("model_in_body") is True,
        async_default=facts.get("async_default") is True,
        stores_output=value.get("store_output_supported") is True,
        inline=not _INLINE.isdisjoint(keys),
        schema=schema if isinstance(schema, Mapping) and schema else None,
        prices=_prices(value.get("pricing"), request.name),
    )


def _prices(rows: Any, name: str) -> dict[str, tuple[float, str]]:
    """The model's own rows of the price list."""
    listed = read_prices(rows, known={name}) if isinstance(rows, list) else {}
    return {model: price for model, price in listed.items() if model.partition("@")[0] == name}


def _workflow(request: CustomRequest, value: Mapping[str, Any]) -> ListedModel:
    """``{workflow_id, input_schema, steps, restricted_tiers, available, unavailable_steps}``."""
    workflow_id = request.name.removeprefix(WORKFLOW)
    if value.get("available") is False:
        steps = value.get("unavailable_steps")
        said = [f"{words_of(s.get('model'), 80)} ({words_of(s.get('reason'), 40)})"
                for s in steps if isinstance(s, Mapping)] if isinstance(steps, list) else []  # fmt: skip
        raise UnsupportedByGatewayError(
            f"The workflow `{workflow_id}` is not available" + (f": {', '.join(said[:5])}" if said else ""),
            gateway=NAME,
            code="MODEL_NOT_AVAILABLE",
            charged="no",
            param="model",
        )
    schema = value.get("input_schema")
    return ListedModel(
        name=request.name,
        path=f"/v2/workflows/{quote(workflow_id, safe='')}/run",
        async_default=True,
        stores_output=True,
        workflow=True,
        schema=schema if isinstance(schema, Mapping) and schema else None,
    )


def _with_urls(entry: ListedModel, body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as they will be, where a file stands now."""
    ready = dict(body)
    for name in entry.files():
        value = body.get(name)
        if isinstance(value, list):
            ready[name] = [_ready(item) for item in value]
        elif name in body:
            ready[name] = _ready(value)
    return ready


def _ready(value: Any) -> Any:
    return _SOME_URL if isinstance(value, str) and form_of(value) == "file" else value


def _wire(value: Any, *, data_url: bool) -> Any:
    """A file's bytes in the form that a field takes; anything else as it is."""
    if not isinstance(value, str) or form_of(value) not in ("data_url", "base64"):
        return value
    try:
        return to_data_url(value) if data_url else to_base64(value)
    except ValueError:
        return value  # the author's own base64: the gateway judges it
