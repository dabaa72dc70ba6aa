"""The gallery below an Airflow app with its auth manager, over the database of this test run; no browser."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_orux.storage.served import Maker
from tests.airflow.conftest import database  # noqa: F401

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)


class World:
    """Airflow's tables, filled by hand, and a folder of saved images."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ticks = 0
        self.jobs = 0

    def dag(self, dag_id: str) -> str:
        from airflow.models.dag import DagModel
        from airflow.models.dagbundle import DagBundleModel
        from airflow.utils.session import create_session

        with create_session() as session:
            if session.get(DagBundleModel, "tests") is None:
                session.add(DagBundleModel(name="tests"))
                session.flush()
            if session.get(DagModel, dag_id) is None:
                session.add(
                    DagModel(
                        dag_id=dag_id,
                        bundle_name="tests",
                        max_active_tasks=16,
                        max_consecutive_failed_dag_runs=0,
                        has_task_concurrency_limits=False,
                    )
                )
        return dag_id

    def run(self, dag_id: str, run_id: str = "manual__1") -> str:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunType
        from sqlalchemy import insert, select

        self.dag(dag_id)
        with create_session() as session:
            if (
                session.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
                is None
            ):
                session.execute(
                    insert(DagRun).values(
                        dag_id=dag_id,
                        run_id=run_id,
                        run_type=DagRunType.MANUAL,
                        state="success",
                        run_after=START,
                        queued_at=START,
                    )
                )
        return run_id

    def task(
        self,
        maker: Maker,
        xcoms: Mapping[str, Any] | None = None,
        *,
        state: str | None = "success",
        changed: datetime | None = None,
    ) -> Maker:
        """A task instance with these XComs, as Airflow's execution API stores them."""
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import insert, select

        self.run(maker.dag_id, maker.run_id)
        self.ticks += 1
        with create_session() as session:
            run = session.scalar(
                select(DagRun.id).where(DagRun.dag_id == maker.dag_id, DagRun.run_id == maker.run_id)
            )
            session.execute(
                insert(TaskInstance).values(**maker._asdict(), pool="default_pool", state=state, max_tries=3)
            )
            for key, value in (xcoms or {}).items():
                session.execute(
                    insert(XComModel).values(
                        dag_run_id=run,
                        **maker._asdict(),
                        key=key,
                        value=value,
                        timestamp=changed or START + timedelta(seconds=self.ticks),
                    )
                )
        return maker

    def change(self, maker: Maker, key: str, value: Any) -> None:
        """Put another value into an XCom."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import update

        wanted = [getattr(XComModel, name) == part for name, part in maker._asdict().items()]
        with create_session() as session:
            session.execute(update(XComModel).where(XComModel.key == key, *wanted).values(value=value))

    def saved(self, maker: Maker, *, count: int = 1, folder: Path | None = None, **more: Any) -> Maker:
        """A job of this task instance, with images."""
        self.jobs += 1
        facts = {
            "job_id": f"job-{self.jobs}",
            "conn_id": "orux_default",
            "gateway": "orux",
            "model": "midjourney-v7",
            "verb": "imagine",
            "charged": "yes",
            "price": 20.0,
            "currency": "credits",
            "at": START.timestamp(),
            "ended_at": START.timestamp() + 42,
            "artifacts": count,
            **more.pop("facts", {}),
        }
        where = (folder or self.folder) / maker.dag_id / facts["job_id"]
        manifest = more.pop("manifest", {"prompt": f"a <b>lighthouse</b> {self.jobs}"})
        result = write(where, maker, facts, count=count, **manifest)
        value = {"orux_job": facts, "return_value": result, **more.pop("xcoms", {})}
        return self.task(maker, value, **more)


def png(size: tuple[int, int] = (64, 48), color: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (color % 256, 90, 160)).save(file, "PNG")
    return file.getvalue()


def write(
    folder: Path, maker: Maker, facts: Mapping[str, Any], *, count: int = 1, **more: Any
) -> dict[str, Any]:
    """A folder as ``save_job`` leaves it, and the result of its task."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in range(1, count + 1):
        content = png(color=number)
        (folder / f"{number}.png").write_bytes(content)
        (folder / f"{number}.thumb.webp").write_bytes(png())
        entries.append(
            {
                "name": f"{number}.png",
                "uri": f"file://{folder}/{number}.png",
                "url": None,
                "media_type": "image/png",
                "width": 64,
                "height": 48,
                "bytes": len(content),
                "sha256": "0" * 64,
                "thumbnail": f"{number}.thumb.webp",
            }
        )
    manifest = {"schema_version": 1, "gateway": "orux", **maker._asdict(), "artifacts": entries, **more}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    keep = ("job_id", "conn_id", "model", "gateway", "charged", "price", "currency")
    return {
        **{name: facts.get(name) for name in keep},
        "status": "succeeded",
        "requested": 1,
        "returned": count,
        "artifacts": [{k: v for k, v in e.items() if k != "name"} for e in entries],
        "manifest": f"file://{folder}/manifest.json",
    }


@pytest.fixture
def world(database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:  # noqa: F811
    folder = tmp_path / "images"
    folder.mkdir()
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", str(folder))
    yield World(folder)
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        for table in (XComModel, TaskInstance, DagRun, DagModel):
            session.execute(delete(table))


class Viewer:
    """A browser without a screen, logged in or not."""

    def __init__(self, client: Any, token: str | None) -> None:
        self.client = client
        self.token = token

    def get(self, path: str, **query: Any) -> Any:
        self.client.cookies.clear()
        if self.token:
            self.client.cookies.set("_token", self.token)
        return self.client.get(f"/orux{path}", params=query, headers=query.pop("headers", None))

    def file(self, maker: Maker, name: str, **query: Any) -> Any:
        return self.get(f"/dags/{maker.dag_id}/file", **of(maker), name=name, **query)


def of(maker: Maker) -> dict[str, Any]:
    """A task instance as the query of an address."""
    return {"run_id": maker.run_id, "task_id": maker.task_id, "map_index": maker.map_index}


@pytest.fixture(scope="session")
def airflow_app(database: None) -> Any:  # noqa: F811
    """Airflow's core app with its auth manager, and the gallery as Airflow mounts it."""
    import os

    os.environ["AIRFLOW__CORE__AUTH_MANAGER"] = "tests.plugins.auth.PickyAuthManager"
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = (
        "not-so-secret-but-long-enough-for-a-test-of-512-bits-" + "x" * 32
    )
    from airflow.api_fastapi.app import init_auth_manager
    from fastapi import FastAPI

    from airflow_provider_orux.plugins.plugin import OruxPlugin

    app = FastAPI()
    init_auth_manager(app)
    for entry in OruxPlugin.fastapi_apps:
        app.mount(entry["url_prefix"], entry["app"])
    return app


@pytest.fixture
def viewer(airflow_app: Any) -> Any:
    """Makes viewers: ``viewer("admin")``, ``viewer(None)`` for nobody, ``viewer(token="…")``."""
    from airflow.api_fastapi.app import get_auth_manager
    from fastapi.testclient import TestClient

    client = TestClient(airflow_app, raise_server_exceptions=True)

    def make(name: str | None = "admin", *, token: str | None = None) -> Viewer:
        if token is None and name is not None:
            from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role="admin"))
        return Viewer(client, token)

    return make
