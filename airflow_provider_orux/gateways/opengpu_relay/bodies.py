"""Where a request for Relay goes, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.opengpu_relay import listed
from airflow_provider_orux.gateways.opengpu_relay.tasks import own_path
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError, redact
from airflow_provider_orux.models.listed import ListedRequest
from airflow_provider_orux.models.opengpu_relay import BY_NAME, Generation2, RelayRequest, StableDiffusion
from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest

NAME = "opengpu_relay"


def path_of(request: GenerationRequest, *, generation: int) -> str:
    """The path of a request's route.

    :raises UnsupportedByGatewayError: the request belongs to the other generation, or to another gateway.
    :raises InvalidRequestError: nothing here says which route serves its model.
    """
    if isinstance(request, ListedRequest):
        return request.entry.path
    if isinstance(request, CustomRequest):
        return _path_by_name(request, generation)
    if not isinstance(request, RelayRequest):
        raise foreign(request)
    if request.generation != generation:
        raise UnsupportedByGatewayError(
            f"{type(request).__name__} ({request.label()}) is of {title_of(NAME)}'s generation {request.generation} "
            f"only; the connection is set to generation {generation}",
            gateway=NAME,
            charged="no",
            next_step="Nothing was sent. Use a model of that generation, or set the connection's generation.",
        )
    return request.path


def body_of(request: GenerationRequest, *, generation: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request, without ``async``.

    :param options: of the connection.
    """
    sends_model, stored = options["send_model"] == "send", options["store_output"]
    if isinstance(request, ListedRequest):
        body = listed.body_of(request)
        if request.entry.stores_output and stored != "auto":
            body.setdefault("store_output", stored)
        return body
    if isinstance(request, CustomRequest):
        named = sends_model or path_of(request, generation=generation) == StableDiffusion.path
        name = {"model": request.model_id} if named and not request.model_id.startswith("/") else {}
        return {**name, **request.fields(), **request.extra_body}
    if not isinstance(request, RelayRequest):
        raise foreign(request)
    body = wire_fields(request, form=request.image_form)
    if isinstance(request, StableDiffusion) or sends_model:
        body = {"model": request.model_id, **body}
    if isinstance(request, Generation2) and request.stores_output and stored != "auto":
        body.setdefault("store_output", stored)
    return {**body, **request.extra_body}


def kept_for_a_day(request: GenerationRequest) -> GenerationRequest:
    """The request, asking to keep what it makes for a day; unchanged where its route cannot, or it says how long."""
    if isinstance(request, ListedRequest):
        chosen = {**request.fields(), **request.extra_body}.get("store_output")
        if request.entry.stores_output and chosen is None:
            return request.with_body(store_output="relay1d")
    elif isinstance(request, Generation2) and request.stores_output and request.store_output is None:
        return request.model_copy(update={"store_output": "relay1d"})
    return request


def is_workflow(request: GenerationRequest) -> bool:
    """Whether a request runs a workflow, looked up or not."""
    return isinstance(request, CustomRequest) and request.name.startswith(listed.WORKFLOW)


def only_as_job(request: GenerationRequest) -> UnsupportedByGatewayError:
    """The error for a workflow that is to be called synchronously."""
    return UnsupportedByGatewayError(
        f"{request.display_name} runs as a job only",
        gateway=NAME,
        charged="no",
        next_step="Nothing was sent. Use hook.submit(), or OruxSubmitJobOperator.",
    )


def foreign(request: GenerationRequest) -> UnsupportedByGatewayError:
    """The error for a request of another gateway."""
    return UnsupportedByGatewayError(
        f"{request.label()} is a request for another gateway, not {title_of(NAME)}",
        gateway=NAME,
        charged="no",
        next_step="Build the request from airflow_provider_orux.models.opengpu_relay, or use another connection.",
    )


def _path_by_name(request: CustomRequest, generation: int) -> str:
    name = request.model_id
    if name.startswith("/"):
        path = own_path(name)
        if path is not None and path.startswith("/v2/"):
            return path
    for cls in catalogue.requests_of(NAME):
        if issubclass(cls, RelayRequest) and (cls.model, cls.generation) == (name, generation):
            return cls.path
    if generation == 1 and name.endswith(".safetensors"):
        return StableDiffusion.path
    if generation == 1 and name in BY_NAME:
        raise UnsupportedByGatewayError(
            f"{name} is of {title_of(NAME)}'s generation 2 only; the connection is set to generation 1",
            gateway=NAME,
            charged="no",
            next_step="Nothing was sent. Set the connection's generation to 2, or use another model.",
        )
    raise InvalidRequestError(
        f"{title_of(NAME)} has a route for each model, and that of `{redact(name)[:80]}` is not known to this version",
        gateway=NAME,
        param="name",
        charged="no",
        next_step='Pass the route as the name: CustomRequest(name="/v2/image/…/generate", body={…}).',
    )
