"""The start page: accounts, jobs and what they made, as plain HTML that loads nothing from elsewhere."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from orux_sandbox.engine import reports
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job

#: Jobs on the page.
LISTED = 60
#: Short side of a thumbnail, in pixels.
_THUMB_SIDE = 264

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2033; --soft: #6a7088; --line: #e3e5ee; --back: #f6f7fb;
  --card: #fff; --accent: #4b53c9 }
@media (prefers-color-scheme: dark) { :root { --ink: #e9eaf4; --soft: #9aa0b8; --line: #2d3048;
  --back: #14162a; --card: #1c1f36; --accent: #9aa0ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1060px; margin: 0 auto; padding: 28px 20px 60px }
h1 { font-size: 26px; margin: 0 0 2px; letter-spacing: -.01em }
h2 { font-size: 16px; margin: 34px 0 10px }
p.lead { margin: 0; color: var(--soft) }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere }
a { color: var(--accent); text-decoration: none }
a:hover { text-decoration: underline }
.cards { display: flex; gap: 12px; flex-wrap: wrap }
.card, article { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 14px 16px }
.card { flex: 1 1 300px }
.card b { font-size: 22px; display: block }
.card span, .meta { color: var(--soft); font-size: 13px }
article { display: flex; gap: 18px; margin-bottom: 12px; align-items: flex-start }
article:target { outline: 2px solid var(--accent) }
.text { flex: 1 1 auto; min-width: 0 }
.text q { quotes: none; display: block; margin: 4px 0 6px; font-size: 16px; overflow-wrap: anywhere;
  max-height: 6em; overflow: hidden }
.thumbs { display: flex; gap: 6px; flex: 0 0 auto; max-width: 330px; flex-wrap: wrap;
  justify-content: flex-end }
.thumbs img { display: block; height: 132px; max-width: 320px; border-radius: 8px }
.thumbs.many img { height: 78px }
.tag { display: inline-block; border-radius: 99px; padding: 1px 10px; font-size: 12px; font-weight: 600 }
.succeeded { background: #d9f2e1; color: #17663a }
.running, .queued { background: #dfe6ff; color: #2c3fae }
.failed, .expired, .cancelled { background: #fde0de; color: #9b2119 }
.empty { color: var(--soft) }
"""


def router(engine: Engine) -> APIRouter:
    """The page and its thumbnails."""
    routes = APIRouter()

    @routes.get("/", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        # Nothing but inline style and our own images: nothing in a prompt can ever run here.
        policy = (
            "default-src 'none'; img-src 'self'; style-src 'unsafe-inline';"
            " base-uri 'none'; form-action 'none'"
        )
        return HTMLResponse(
            render(engine), headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        )

    @routes.get("/_sandbox/thumbs/{token}/{number}")
    async def thumb(token: str, number: int) -> Response:
        job = engine.store.job_of_token(token)
        if job is None or not 0 <= number < len(job.artifacts) or not engine.urls_live(job):
            return PlainTextResponse("There is no such image.\n", 404)
        artifact = job.artifacts[number]
        if not artifact["media_type"].startswith("image/"):
            return PlainTextResponse("This is not an image.\n", 404)
        scale = min(1.0, _THUMB_SIDE / min(artifact["width"], artifact["height"]))
        content = await asyncio.to_thread(engine.renderer.render, artifact, scale=scale)
        return Response(content, media_type=artifact["media_type"], headers={"Cache-Control": "max-age=3600"})

    return routes


def render(engine: Engine) -> str:
    """The whole page."""
    accounts = "".join(_account(account) for account in reports.accounts(engine))
    gateways = "".join(_gateway(one) for one in reports.gateways(engine, ""))
    listed = engine.store.jobs(limit=LISTED)
    jobs = "".join(_job(engine, job) for job in listed)
    charges = reports.charges(engine)
    totals = reports.totals(charges)
    charged = sum(charge["state"] == "charged" for charge in charges)
    pending = sum(charge["state"] == "pending" for charge in charges)
    waiting = any(engine.status(job) in ("queued", "running") for job in listed)
    refresh = '<meta http-equiv="refresh" content="2">' if waiting else ""
    if not jobs:
        jobs = '<p class="empty">No jobs yet. Point a connection here and run a DAG.</p>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>"
        "<h1>The sandbox</h1>"
        '<p class="lead">Paid gateways on your own machine. Every accepted submission is charged, in play money: '
        f"{charged} charges{_sums(totals)}{f'; {pending} to come' if pending else ''}.</p>"
        f'<h2>Gateways</h2><div class="cards">{gateways}</div>'
        f'<h2>Accounts</h2><div class="cards">{accounts}</div>'
        f"<h2>Jobs, newest first</h2>{jobs}"
        '<h2>Look inside</h2><p class="meta">'
        + " · ".join(
            f'<a href="/_sandbox/{name}">{name}</a>'
            for name in ("gateways", "charges", "jobs", "requests", "faults", "settings", "accounts", "leaks")
        )
        + "</p></main></body></html>"
    )


def _sums(totals: dict[str, float]) -> str:
    return "".join(f", {amount:g} {currency}" for currency, amount in totals.items())


def _gateway(one: dict[str, Any]) -> str:
    paths = ", ".join(f"<code>{escape(path)}/…</code>" for path in one["paths"])
    return (
        f'<div class="card"><span>{escape(one["gateway"])}</span><b>{escape(one["title"])}</b>'
        f"<span>{paths}<br>in {one['currency']}; key <code>{escape(one['key'])}</code></span></div>"
    )


def _account(account: dict[str, Any]) -> str:
    keys = "".join(
        f"<br><code>{escape(key['key'])}</code>" + ("" if key["state"] == "active" else f" ({key['state']})")
        for key in account["keys"]
    )
    digits = 2 if account["currency"] == "USD" else 0
    return (
        f'<div class="card"><span>{escape(account["account"])} · {escape(account["gateway"])}</span>'
        f"<b>{account['balance']:,.{digits}f} {account['currency']}</b>"
        f"<span>{account['in_flight']} in flight{keys}</span></div>"
    )


def _job(engine: Engine, job: Job) -> str:
    status = engine.status(job)
    live = engine.urls_live(job)
    facts = [f"<code>{escape(job.id)}</code>", f"{job.credits:g} {job.currency}"]
    if job.parent_id:
        which = f", panel {job.parent_index}" if job.parent_index else ""
        facts.append(f'of <a href="#{escape(job.parent_id)}">{escape(job.parent_id)}</a>{which}')
    if status in ("failed", "expired", "cancelled") and job.error_code:
        facts.append(f"{escape(job.error_code)}: {escape(job.error_message or '')}")
    if status == "succeeded" and not live:
        facts.append("the URLs have expired")
    return (
        f'<article id="{escape(job.id)}"><div class="text"><span class="tag {status}">{status}</span> '
        f"<b>{escape(job.model)}</b> {escape(job.action)} · {escape(job.gateway)}<q>{escape(job.prompt)}</q>"
        f'<div class="meta">{" · ".join(facts)}</div></div>{_thumbs(job) if live else ""}</article>'
    )


def _thumbs(job: Job) -> str:
    shown = []
    for number, artifact in enumerate(job.artifacts):
        address = f"/files/{escape(job.token)}/{escape(artifact['name'])}"
        if artifact["media_type"].startswith("image/"):
            small = f"/_sandbox/thumbs/{escape(job.token)}/{number}"
            shown.append(
                f'<a href="{address}"><img loading="lazy" alt="{escape(artifact["name"])}" src="{small}"></a>'
            )
        else:
            shown.append(f'<a href="{address}">{escape(artifact["name"])}</a>')
    return f'<div class="thumbs{" many" if len(shown) > 2 else ""}">{"".join(shown)}</div>'
