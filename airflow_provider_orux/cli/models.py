"""``airflow orux models``: what can be asked for, from the typed requests themselves."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.describe import limits_text
from airflow_provider_orux.models.registry import GATEWAYS, title_of
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.models.spelling import nearest

COLUMNS = {
    "gateway": "GATEWAY",
    "model": "MODEL",
    "verb": "VERB",
    "kind": "KIND",
    "availability": "WHERE",
    "summary": "WHAT IT IS",
}
FIELD_COLUMNS = {
    "name": "FIELD",
    "type": "TYPE",
    "required": "REQUIRED",
    "default": "DEFAULT",
    "allowed": "ALLOWED",
    "description": "MEANING",
}


FIELD_CSV = ("gateway", "model", "verb", *FIELD_COLUMNS)


def list_models(args: argparse.Namespace, out: Output) -> int:
    """Print the models, or the fields of those that were asked for."""
    every = [*(cls.describe() for cls in catalogue.requests_of(args.gateway)), *_by_name(args.gateway)]
    found = [
        model
        for model in every
        if args.model is None or model["model"].lower() == args.model.lower()
        if args.verb in (None, model["verb"])
    ]
    if not found:
        known = {model["model"] for model in every}
        near = nearest(args.model or "", known)
        where = f" of {args.gateway}" if args.gateway else ""
        verb = f" with the verb {args.verb}" if args.verb else ""
        raise CommandError(
            f"No model {args.model or ''}{verb}{where} is known to this version"
            + (f"; did you mean {near}?" if near and near != args.model else ".")
            + " For a newer model, use CustomRequest(name=…, body={…})."
        )
    with_fields = args.model or args.fields
    if args.output != "table":
        rows, columns = (
            (_fields(found), FIELD_CSV) if with_fields else (found, [*COLUMNS, "request", "source"])
        )
        out.data(args.output, found, rows=rows, columns=columns)
    elif with_fields:
        for number, model in enumerate(found):
            if number:
                out.say()
            _print_model(model, out)
    else:
        out.table([{**model, "summary": _plain(model["summary"])} for model in found], COLUMNS)
        out.say()
        out.say(f"{len(found)} models and verbs. --model NAME shows the fields of one.")
    return 0


def _by_name(gateway: str | None) -> list[dict[str, Any]]:
    """The models that a gateway's own catalogue describes: their fields are known when a task runs."""
    return [
        {
            "gateway": name,
            "gateway_title": title_of(name),
            "model": model,
            "verb": "generate",
            "kind": kind,
            "summary": "Its fields are in the gateway's own catalogue, and are checked when a task runs.",
            "availability": "generation 2 only",
            "source": "",
            "request": f"{CustomRequest.__module__}.{CustomRequest.__qualname__}",
            "fields": [],
        }
        for name in (GATEWAYS if gateway is None else (gateway,))
        for model, kind in catalogue.names_of(name).items()
    ]


def _print_model(model: Mapping[str, Any], out: Output) -> None:
    where = f" ({model['availability']})" if model["availability"] else ""
    out.say(f"{model['model']}  {model['verb']}  {model['kind']}  {model['gateway_title']}{where}")
    out.say(_plain(model["summary"]))
    out.say(f"request: {model['request']}")
    if model["source"]:
        out.say(f"source: {model['source']}")
    if model["fields"]:
        out.table(_fields([model]), FIELD_COLUMNS)


def _plain(text: str) -> str:
    """A docstring's words without their marks."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", text).replace("``", "")


def _fields(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each field of each model."""
    return [
        {
            "gateway": model["gateway"],
            "model": model["model"],
            "verb": model["verb"],
            **field,
            "required": "yes" if field["required"] else "",
            "default": "" if field["default"] is None else str(field["default"]),
            "allowed": limits_text(field),
        }
        for model in models
        for field in model["fields"]
    ]
