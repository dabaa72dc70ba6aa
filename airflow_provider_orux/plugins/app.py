"""The gallery's routes. Each asks who is looking; what they show is built in the other files of this room."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from airflow.api_fastapi.common.db.common import SessionDep
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import HTMLResponse, Response

from airflow_provider_orux.plugins.access import MOST_DAGS, Reader, User, listed, readable
from airflow_provider_orux.plugins.cards import STATES, Card, Wall
from airflow_provider_orux.plugins.details import of_folder, read_details
from airflow_provider_orux.plugins.files import SAFE_HEADERS, send_file
from airflow_provider_orux.plugins.pages import Filters, Place, View, render
from airflow_provider_orux.plugins.tables import MOST_ROWS, Scope, job_rows, meant_run, results
from airflow_provider_orux.storage.served import Maker, NotServedError, ServedFolder, ServedRoots

#: Requests that read a store at once. Airflow's own routes share the process's threads.
STORE_READERS = 4
#: Jobs that are looked at to say how long such jobs usually take.
SAMPLE = 300
_PAGE_CSP = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
_DAY = timedelta(days=1)
_STYLE = Path(__file__).parent / "templates" / "style.css"
T = TypeVar("T")


def create_app() -> FastAPI:
    """The gallery, to be mounted in Airflow's API server."""
    app = FastAPI(title="Gallery", docs_url=None, redoc_url=None, openapi_url=None)
    limiter = CapacityLimiter(STORE_READERS)

    async def run(work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    @app.middleware("http")
    async def protect(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        # No id has a NUL, and PostgreSQL takes none.
        asked = request.scope["path"] + request.scope["query_string"].decode("latin-1")
        odd = "\0" in asked or "%00" in asked
        response = (await refused(request, HTTPException(404))) if odd else (await answer(request))
        for name, value in {**SAFE_HEADERS, "Content-Security-Policy": _PAGE_CSP}.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    @app.exception_handler(AnyHTTPException)
    async def refused(request: Request, error: AnyHTTPException) -> Response:
        page = render("error.html", request, status=error.status_code, detail=str(error.detail))
        return HTMLResponse(page, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def misused(request: Request, error: RequestValidationError) -> Response:
        return HTMLResponse(
            render("error.html", request, status=422, detail="The address is incomplete."), 422
        )

    @app.get("/style.css")
    async def style(user: User) -> Response:
        headers = {"Cache-Control": "private, max-age=3600"}
        return Response(_STYLE.read_bytes(), media_type="text/css", headers=headers)

    @app.get("/")
    async def browse(request: Request, user: User, session: SessionDep, asked: _Filters) -> Response:
        return await run(partial(_browse, request, user, session, asked))

    @app.get("/dags/{dag_id}")
    async def dag(
        request: Request, dag_id: str, user: Reader, session: SessionDep, asked: _Filters
    ) -> Response:
        return await run(partial(_wall, request, user, session, Place("dag", dag_id), asked))

    @app.get("/dags/{dag_id}/run")
    async def dag_run(
        request: Request, dag_id: str, run_id: str, user: Reader, session: SessionDep, asked: _Filters
    ) -> Response:
        return await run(partial(_wall, request, user, session, Place("run", dag_id, run_id), asked))

    @app.get("/dags/{dag_id}/task")
    async def task(
        request: Request, maker: _Maker, user: Reader, session: SessionDep, asked: _Filters
    ) -> Response:
        return await run(partial(_wall, request, user, session, Place("task", *maker), asked))

    @app.get("/dags/{dag_id}/artifact")
    async def artifact(
        request: Request, maker: _Maker, name: str, user: Reader, session: SessionDep
    ) -> Response:
        return await run(partial(_artifact, request, session, maker, name))

    @app.get("/dags/{dag_id}/file")
    async def file(
        request: Request, maker: _Maker, name: str, user: Reader, session: SessionDep, download: bool = False
    ) -> Response:
        def work() -> Response:
            folder = _folder(session, maker)
            return send_file(folder, name, download=download, range_header=request.headers.get("range"))

        return await run(work)

    @app.get("/dags/{dag_id}/manifest")
    async def manifest(maker: _Maker, user: Reader, session: SessionDep) -> Response:
        def work() -> Response:
            # What was checked, not what a second reading would find. Text: a browser shows it inside the frame.
            content = json.dumps(_folder(session, maker).manifest, indent=2, ensure_ascii=False)
            return Response(content.encode("utf-8", "replace"), media_type="text/plain; charset=utf-8")

        return await run(work)

    return app


def _maker_of(dag_id: str, run_id: str, task_id: str, map_index: str = "-1") -> Maker:
    # Airflow's UI leaves "{MAP_INDEX}" as it is on a task that is not mapped.
    number = int(map_index) if map_index.isascii() and map_index.isdigit() and len(map_index) < 10 else -1
    return Maker(dag_id, run_id, task_id, number)


def _filters_of(
    dag: str = "", day: str = "", model: str = "", state: str = "", page: Annotated[str, Query()] = "1"
) -> Filters:
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    try:
        _first(day) + _DAY
    except (ValueError, OverflowError):
        day = ""
    return Filters(dag, day, model, state if state in STATES else "", max(number, 1))


_Maker = Annotated[Maker, Depends(_maker_of)]
_Filters = Annotated[Filters, Depends(_filters_of)]


def _days(scope: Scope, day: str) -> Scope:
    if not day:
        return scope
    return replace(scope, first=_first(day), last=_first(day) + _DAY)


def _first(day: str) -> datetime:
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=timezone.utc)


def _browse(request: Request, user: Any, session: Session, asked: Filters) -> Response:
    seen = listed(user, session)
    if asked.dag:
        seen &= {asked.dag}
    rows = job_rows(session, _days(Scope(dag_ids=seen), asked.day))
    # Asked about only where there is something to show, the newest first.
    newest = list(dict.fromkeys(row.maker.dag_id for row in rows))
    allowed = readable(newest[:MOST_DAGS], user, session)
    rows = [row for row in rows if row.maker.dag_id in allowed]
    empty = "nothing" if seen else "no_dags"
    return _show(request, user, session, Place("browse"), rows, asked, empty=empty)


def _wall(request: Request, user: Any, session: Session, place: Place, asked: Filters) -> Response:
    scope = Scope(place.dag_id)
    if place.kind != "dag":
        place = replace(place, run_id=meant_run(session, place.dag_id, place.run_id))
        scope = Scope(place.dag_id, place.run_id)
    if place.kind == "task":
        scope = Scope(*place.maker)
    rows = job_rows(session, _days(scope, asked.day))
    return _show(request, user, session, place, rows, asked, empty=place.kind)


def _show(
    request: Request, user: Any, session: Session, place: Place, rows: Any, asked: Filters, *, empty: str
) -> Response:
    everything = Wall.of(rows)
    wall = everything.only(asked.fits)
    pages = wall.pages()
    number = min(asked.page, max(len(pages), 1))
    cards: list[Card] = list(pages[number - 1]) if pages else []
    roots = ServedRoots.configured()

    def may_read(dag_id: str) -> bool:
        return bool(readable([dag_id], user, session))

    # A card may tell of a job that several tasks know: the files are those of the task that tells.
    found = results(session, (card.maker for card in cards))
    details = read_details(cards, found, roots, may_read=may_read)
    typical = everything.typical
    if any(c.state == "waiting" for c in cards) and place.kind in ("run", "task") and place.dag_id:
        typical = Wall.of(job_rows(session, Scope(dag_id=place.dag_id), limit=SAMPLE)).typical
    view = View(
        place=place,
        asked=asked,
        wall=wall,
        everything=everything,
        cards=cards,
        details=details,
        typical=typical,
        page=number,
        pages=len(pages),
        roots=roots,
        capped=len(rows) >= MOST_ROWS,
        empty="filtered" if everything.cards or asked.any else empty,
    )
    return HTMLResponse(render("wall.html", request, view=view))


def _folder(session: Session, maker: Maker) -> ServedFolder:
    """The folder with what a task instance made.

    :raises HTTPException: it made nothing that is saved, or it may not be shown.
    """
    result = results(session, [maker]).get(maker)
    manifest = result.get("manifest") if result is not None else None
    if not isinstance(manifest, str):
        raise HTTPException(404, "This task has no saved result.")
    try:
        return ServedRoots.configured().open(manifest, maker)
    except NotServedError as e:
        raise HTTPException(404, f"{e.message}.") from e


def _artifact(request: Request, session: Session, maker: Maker, name: str) -> Response:
    folder = _folder(session, maker)
    rows = job_rows(session, Scope(*maker))
    cards = Wall.of(rows).cards
    details = of_folder(folder)
    item = next((i for i in details.items if i.name == name), None)
    if item is None:
        raise HTTPException(404, "The manifest does not list this file.")
    page = render(
        "artifact.html",
        request,
        place=Place("task", *maker),
        card=cards[0] if cards else None,
        details=details,
        item=item,
    )
    return HTMLResponse(page)
