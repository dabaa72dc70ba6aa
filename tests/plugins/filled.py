"""Run as a program, in an Airflow whose database and settings its environment names.

It fills the tables, and tells as JSON how many queries each page takes.

    python -m tests.plugins.filled FOLDER    # the folder of saved images
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

RUN = "manual__2026-03-02T08:00:00+00:00"
#: Half of the jobs changed before it, half of them after it: in UTC that is another day.
MIDNIGHT = datetime(2026, 3, 2, tzinfo=timezone.utc)
JOBS = 250
PAGES = {"run": {"run_id": RUN}, "": {}, "task": {"run_id": RUN, "task_id": "imagine", "map_index": "7"}}


def main(folder: Path) -> None:
    from airflow.settings import engine
    from sqlalchemy import event

    secret = os.environ["AIRFLOW__API_AUTH__JWT_SECRET"]
    from tests.plugins.conftest import World  # it brings an environment of its own

    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = secret
    os.environ["AIRFLOW__ORUX__GALLERY_ROOTS"] = str(folder)
    fill(World(folder))
    queries: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
    client, headers = viewer()
    told = {}
    for page, query in PAGES.items():
        address = f"/orux/dags/many/{page}".rstrip("/")
        for _ in range(2):  # what is only done once is not the page's
            queries.clear()
            answer = client.get(address, params=query, headers=headers)
            assert answer.status_code == 200, answer.text
        told[page] = len(queries)
    queries.clear()
    assert client.get("/orux/", headers=headers).status_code == 200
    print(json.dumps({**told, "browse": len(queries), "dialect": engine.dialect.name}))


def fill(world: Any) -> None:
    """A run of 250 jobs with 1 000 artifacts, one in flight, one that failed, and a DAG beside it."""
    from airflow_provider_orux.storage.served import Maker

    for number in range(JOBS):
        changed = MIDNIGHT + timedelta(minutes=-30 if number < JOBS // 2 else 30, seconds=number)
        facts = {"model": "midjourney-v7" if number % 5 else "flux-2-pro"}
        world.saved(Maker("many", RUN, "imagine", number), count=4, changed=changed, facts=facts)
    job = {"job_id": "in-flight", "conn_id": "orux_default", "gateway": "orux", "at": MIDNIGHT.timestamp()}
    last = MIDNIGHT + timedelta(hours=2)
    world.task(Maker("many", RUN, "waits", -1), {"orux_job": job}, state="deferred", changed=last)
    error = {"error": "JobFailedError", "line": "It <broke>", "charged": "no", "at": 1.0, "job_id": "broken"}
    world.task(Maker("many", RUN, "breaks", -1), {"orux_error": error}, state="failed", changed=last)
    world.saved(Maker("other", RUN, "imagine", -1), changed=last)


def viewer() -> tuple[Any, dict[str, str]]:
    """The gallery as Airflow mounts it, in this process, and who looks at it."""
    from airflow.api_fastapi.app import get_auth_manager, init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from airflow_provider_orux.plugins.plugin import OruxPlugin

    app = FastAPI()
    init_auth_manager(app)
    (entry,) = OruxPlugin.fastapi_apps
    app.mount(entry["url_prefix"], entry["app"])
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    return TestClient(app), {"Authorization": f"Bearer {token}"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
