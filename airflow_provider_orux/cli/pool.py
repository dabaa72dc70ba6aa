"""``airflow orux pool``: the Airflow pool that keeps a gateway account's concurrency."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_orux.cli.airflow_api import AirflowApi, NotFoundError, segment
from airflow_provider_orux.cli.connections import FoundConnection, find_connection
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.registry import GATEWAYS

COLUMNS = ("name", "slots", "include_deferred", "description", "created", "source")
MOST = 10_000
_LIMIT = re.compile(
    r"(?:max|limit).*concurren|concurren.*(?:max|limit)|max_?in_?flight|in_?flight.*(?:limit|max)",
    re.IGNORECASE,
)
_GROUP = re.compile(r"concurren|in_?flight", re.IGNORECASE)
_WORD = re.compile(r"max|maximum|limit|allowed|cap|quota|total", re.IGNORECASE)


def make_pool(args: argparse.Namespace, out: Output) -> int:
    """Create the pool, or bring it up to date."""
    if args.slots is not None and args.slots < 1:
        raise UsageError(f"--slots is {args.slots}; it is 1 or more.")
    with AirflowApi.of(args) as api:
        slots, source = (args.slots, "--slots") if args.slots is not None else _slots(args.conn_id, api, out)
        name = args.name or args.conn_id
        body = {
            "slots": slots,
            "include_deferred": True,
            "description": f"Jobs at once on the gateway account of connection {args.conn_id}"[:250],
        }
        path = f"/pools/{segment(name)}"
        try:
            before = api.get(path)
        except NotFoundError:
            before = None
            api.request("POST", "/pools", json={"name": name, **body})
        else:
            mask = list(body) if not before.get("description") else ["slots", "include_deferred"]
            # The API wants the name in the body too, whatever the mask says.
            api.request(
                "PATCH",
                path,
                params={"update_mask": mask},
                json={"pool": name, **{k: v for k, v in body.items() if k in mask}},
            )
        after = api.get(path)
    if args.output != "table":
        value = {"pool": after, "created": before is None, "source": source}
        flat = {**after, "created": before is None, "source": source}
        out.data(args.output, value, rows=[flat], columns=COLUMNS)
        return 0
    verb = "Created" if before is None else "Updated"
    out.say(f"{verb} pool {name!r}: {slots} slots, deferred tasks included. Slots from {source}.")
    if before is not None and before.get("slots") != slots:
        out.say(f"It had {before.get('slots')} slots.")
    out.say(f"Use it: pool={name!r} on the operators, or in default_args.")
    return 0


def _slots(conn_id: str, api: AirflowApi, out: Output) -> tuple[int, str]:
    """How many jobs at once the account may have, and where that comes from."""
    found = find_connection(conn_id, api)
    connection = found.connection
    if connection is None:
        raise CommandError(f"{found.why[:1].upper()}{found.why[1:]}. Give the number with --slots.")
    gateway = connection.gateway
    usage, why = _usage(found)
    limits = list(limits_of(usage))
    if limits:
        where, limit = limits[0]
        return limit, f"the gateway's usage endpoint ({where} = {limit})"
    default = GATEWAYS[gateway.name].documented_concurrency
    if default is None:
        raise CommandError(
            f"{gateway.title} documents no concurrency limit ({why}): give the number with --slots."
        )
    out.note(f"{gateway.title}: {why}.")
    return default, f"{gateway.title}'s documented default"


def _usage(found: FoundConnection) -> tuple[Any, str]:
    """The answer of the gateway's usage endpoint, or why there is none; a reading that costs nothing."""
    connection = found.connection
    ask = getattr(connection.gateway, "usage", None) if connection else None
    if connection is None or ask is None:
        return None, "it has no usage endpoint"
    if not found.with_key:
        return None, "its usage endpoint needs the key, which is not readable here"
    from airflow_provider_orux.client.sync import GatewayClient

    try:
        with GatewayClient(connection.gateway, connection.client) as client:
            usage = client.run(client.calls.read(ask(), connection.gateway.read_json, attempts=2))
    except OruxError as e:
        return None, f"its usage endpoint could not be read ({e.message.rstrip('.')})"
    shape = ", ".join(sorted(usage)[:12]) if isinstance(usage, Mapping) else type(usage).__name__
    return (
        usage,
        f"its usage endpoint, whose answer is not documented, holds no limit that we recognise (it has: {shape})",
    )


def limits_of(usage: Any, path: str = "", *, grouped: bool = False) -> Iterator[tuple[str, int]]:
    """What looks like a limit of the concurrency in an answer of unknown shape: its path and value.

    A name with both ideas in it (``max_concurrency``), or a word for a limit below a name for the concurrency
    (``concurrency.limit``). A number that tells the present use is none.
    """
    if not isinstance(usage, Mapping):
        return
    for name, value in usage.items():
        where = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            yield from limits_of(value, where, grouped=grouped or bool(_GROUP.search(str(name))))
        elif (
            isinstance(value, int)
            and not isinstance(value, bool)
            and 1 <= value <= MOST
            and (_LIMIT.search(str(name)) or (grouped and _WORD.fullmatch(str(name))))
        ):
            yield where, value
