"""``airflow orux models``: what can be asked for, from the typed requests themselves."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.describe import describe_models, limits_text
from airflow_provider_orux.models.requests import nearest

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


def list_models(args: argparse.Namespace, out: Output) -> int:
    """Print the models, or the fields of those that were asked for."""
    found = describe_models(gateway=args.gateway, model=args.model, verb=args.verb)
    if not found:
        known = {cls.model for cls in catalogue.all_requests() if args.gateway in (None, cls.gateway)}
        near = nearest(args.model or "", known)
        where = f" of {args.gateway}" if args.gateway else ""
        verb = f" with the verb {args.verb}" if args.verb else ""
        raise CommandError(
            f"No model {args.model or ''}{verb}{where} is known to this version"
            + (f"; did you mean {near}?" if near and near != args.model else ".")
            + " A newer model is used with CustomRequest(name=…, body={…})."
        )
    if args.json:
        out.json(found)
    elif args.model or args.fields:
        for number, model in enumerate(found):
            if number:
                out.say()
            _print_model(model, out)
    else:
        out.table(found, COLUMNS)
        out.say(f"\n{len(found)} models and verbs. --model NAME shows the fields of one.")
    return 0


def _print_model(model: Mapping[str, Any], out: Output) -> None:
    where = f" ({model['availability']})" if model["availability"] else ""
    out.say(f"{model['model']}  {model['verb']}  {model['kind']}  {model['gateway_title']}{where}")
    out.say(model["summary"])
    out.say(f"request: {model['request']}")
    if model["source"]:
        out.say(f"source: {model['source']}")
    rows = [
        {
            **field,
            "required": "yes" if field["required"] else "",
            "default": "" if field["default"] is None else str(field["default"]),
            "allowed": limits_text(field),
        }
        for field in model["fields"]
    ]
    out.table(rows, FIELD_COLUMNS)
