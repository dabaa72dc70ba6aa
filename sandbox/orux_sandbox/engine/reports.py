"""What a sandbox tells about itself, as plain JSON: gateways, accounts, jobs, charges, requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orux_sandbox.engine.clock import iso
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Account, Job


def gateways(engine: Engine, base_url: str) -> list[dict[str, Any]]:
    """The gateways: URL, key, and the connection Airflow needs."""
    return [
        {
            "gateway": gateway.name,
            "title": gateway.title,
            "url": base_url,
            "key": gateway.default_key,
            "currency": gateway.currency,
            "paths": list(gateway.paths),
            "variable": f"AIRFLOW_CONN_{gateway.name.upper()}_DEFAULT",
            "connection": {
                "conn_type": gateway.name,
                "host": base_url,
                "password": gateway.default_key,
                "extra": {"allow_private_hosts": True, **gateway.connection_extra(engine.settings)},
            },
            "endpoints": [
                {"name": one.name, "method": one.method, "path": one.path} for one in gateway.endpoints
            ],
        }
        for gateway in engine.gateways
    ]


def accounts(engine: Engine) -> list[dict[str, Any]]:
    """Accounts with their keys: this is the user's own machine, and they need them."""
    engine.settle()
    return [_account(engine, account) for account in engine.store.accounts()]


def account(engine: Engine, name: str) -> dict[str, Any]:
    """One account with its keys."""
    return next(one for one in accounts(engine) if one["account"] == name)


def _account(engine: Engine, one: Account) -> dict[str, Any]:
    return {
        "account": one.id,
        "gateway": one.gateway,
        "balance": one.balance,
        "currency": engine.accounts.gateway(one.gateway).currency,
        "in_flight": engine.in_flight(one.id),
        "keys": [
            {"key": key.key, "state": key.state, "ips": list(key.ips)} for key in engine.store.keys(one.id)
        ],
    }


def charges(engine: Engine, job_id: str | None = None) -> list[dict[str, Any]]:
    """All charges, oldest first; of one job if wanted."""
    engine.settle()
    return [{**charge, "at": iso(charge["at"])} for charge in engine.store.charges(job_id=job_id)]


def totals(listed: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The sum of charges by currency, without refunded and pending ones."""
    sums: dict[str, float] = {}
    for charge in listed:
        if charge["state"] == "charged":
            sums[charge["currency"]] = round(sums.get(charge["currency"], 0) + charge["amount"], 6)
    return sums


def jobs(engine: Engine, *, limit: int = 1000, base_url: str = "") -> list[dict[str, Any]]:
    """Jobs as the sandbox sees them, newest first."""
    return [_job(engine, job, base_url) for job in engine.store.jobs(limit=limit)]


def _job(engine: Engine, job: Job, base_url: str) -> dict[str, Any]:
    status = engine.status(job)
    return {
        "id": job.id,
        "gateway": job.gateway,
        "endpoint": job.endpoint,
        "account": job.account,
        "kind": job.kind,
        "model": job.model,
        "action": job.action,
        "prompt": job.prompt,
        "request": job.request,
        "parent_id": job.parent_id,
        "index": job.parent_index,
        "status": status,
        "submitted_at": iso(job.submitted_at),
        "ends_at": iso(job.ends_at),
        "error_code": job.error_code if status in ("failed", "expired") else None,
        "credits": job.credits,
        "amount": job.credits,
        "currency": job.currency,
        "webhook_done": job.webhook_done,
        "urls": engine.artifact_urls(base_url, job) if status == "succeeded" else [],
    }


def requests(engine: Engine, *, endpoint: str | None = None) -> list[dict[str, Any]]:
    """The latest requests to the gateways and to files, oldest first; one still open has no status."""
    # Names with an underscore are the log's own.
    lines = [{k: v for k, v in line.items() if not k.startswith("_")} for line in list(engine.log)]
    return [line for line in lines if endpoint is None or _is_for(line, endpoint)]


def _is_for(line: Mapping[str, Any], endpoint: str) -> bool:
    name = str(line["endpoint"])
    return name == endpoint or name.startswith(f"{endpoint}.")
