"""The gallery of an API server with four workers, below a base path, on PostgreSQL whose clock is not UTC."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from demo.airflow_home import environment
from tests.airflow.postgres import postgres  # noqa: F401
from tests.conftest import ROOT
from tests.crash.airflow_processes import free_port, until
from tests.plugins.filled import JOBS, RUN
from tests.plugins.installed import install_gallery

pytestmark = [pytest.mark.standalone, pytest.mark.postgres, pytest.mark.timeout(900)]
WORKERS = 4


class Served:
    """A running API server.

    :param queries: how many queries each page takes, counted in another process on the same database.
    """

    def __init__(
        self, root: str, folder: Path, process: subprocess.Popen[bytes], queries: dict[str, Any]
    ) -> None:
        self.folder, self.process, self.queries = folder, process, queries
        self.http = httpx.Client(base_url=f"{root}/", timeout=60, trust_env=False)

    def log_in(self) -> None:
        answer = self.http.post("auth/token", json={"username": "ann", "password": "secret"})
        self.token = answer.raise_for_status().json()["access_token"]

    def get(self, path: str, *, nobody: bool = False, **query: Any) -> httpx.Response:
        headers = {} if nobody else {"Cookie": f"_token={self.token}"}
        return self.http.get(f"orux/{path}", params=query or None, headers=headers)

    def text(self, path: str, **query: Any) -> str:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


@pytest.fixture(scope="module")
def served(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:  # noqa: F811
    import psycopg2

    home = tmp_path_factory.mktemp("postgres")
    folder = home / "images"
    folder.mkdir()
    with contextlib.closing(psycopg2.connect(f"postgresql://{postgres}")) as connection:
        connection.autocommit = True
        connection.cursor().execute("ALTER DATABASE postgres SET timezone TO 'Asia/Ho_Chi_Minh'")
    port = free_port()
    root = f"http://127.0.0.1:{port}/airflow"
    install_gallery(home / "airflow")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"ann": "secret"}))
    env = environment(
        home / "airflow",
        bundles={"none": home},
        PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'sandbox'}",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"postgresql+psycopg2://{postgres}",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="ann:admin",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(passwords),
        AIRFLOW__API__HOST="127.0.0.1",
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__BASE_URL=root,
        AIRFLOW__API__WORKERS=str(WORKERS),
        AIRFLOW__API__SECRET_KEY="one-for-all-workers",
        AIRFLOW__API_AUTH__JWT_SECRET="not-so-secret-but-long-enough-for-a-test-of-512-bits-" + "x" * 32,
        AIRFLOW__ORUX__GALLERY_ROOTS=str(folder),
    )
    told = b""
    for command in (["-m", "airflow", "db", "migrate"], ["-m", "tests.plugins.filled", str(folder)]):
        done = subprocess.run(
            [sys.executable, *command], env=env, cwd=ROOT, capture_output=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        told = done.stdout
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"],
            env=env, cwd=home, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    found = Served(root, folder, process, json.loads(told.splitlines()[-1]))
    try:

        def answers() -> bool:
            assert process.poll() is None, log.read_text()[-3000:]
            with contextlib.suppress(httpx.HTTPError):
                found.log_in()
                return True
            return False

        until(answers, "the API server")
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        found.http.close()


def test_a_page_takes_no_more_queries_than_on_sqlite(served: Served) -> None:
    assert served.queries["dialect"] == "postgresql"
    assert max(served.queries[page] for page in ("run", "", "task", "browse")) <= 10, served.queries


def test_every_worker_shows_the_same(served: Served) -> None:
    family = psutil.Process(served.process.pid).children(recursive=True)
    before = {child.pid: sum(child.cpu_times()[:2]) for child in family}
    with ThreadPoolExecutor(2 * WORKERS) as pool:
        pages = list(pool.map(lambda _: served.text("dags/many/run", run_id=RUN), range(6 * WORKERS)))
    assert all(f"{JOBS + 2} jobs" in page and "cost: 5000 credits" in page for page in pages)
    worked = [child for child in family if sum(child.cpu_times()[:2]) > before[child.pid] + 0.1]
    assert len(worked) >= 2, "more than one worker answered"


def test_cost_by_day_is_by_the_day_of_utc(served: Served) -> None:
    text = served.text("dags/many/run", run_id=RUN)
    assert re.search(r"2026-03-01 125 jobs 2500 credits", text)
    assert re.search(r"2026-03-02 126 jobs 2500 credits", text)
    first = served.text("dags/many/run", run_id=RUN, day="2026-03-01")
    assert "125 jobs" in first
    assert "cost: 2500 credits" in first
    assert "127 jobs" in served.text("dags/many/run", run_id=RUN, day="2026-03-02")
    assert "Nothing fits" in served.text("dags/many/run", run_id=RUN, day="2026-03-03")


def test_filters_and_pages(served: Served) -> None:
    assert "50 jobs" in served.text("dags/many", model="flux-2-pro")
    assert "1 job, 1 in flight" in served.text("", state="waiting", dag="many")
    assert "It &lt;broke&gt;" in served.text("dags/many/run", run_id=RUN, state="failed")
    assert "Page 11 of 11" in served.text("dags/many/run", run_id=RUN, page="11")
    assert "cost: 20 credits" in served.text("", dag="other")
    one = served.text("dags/many/task", run_id=RUN, task_id="imagine", map_index="7")
    assert "1 job " in one
    assert "imagine [7]" in one


def test_every_address_of_a_page_is_there(served: Served) -> None:
    page = served.get("dags/many/run", run_id=RUN).text
    found = {a.replace("&amp;", "&") for a in re.findall(r'(?:href|src)="([^"]*)"', page)}
    assert all(address.startswith("/airflow/orux/") for address in found)
    assert sum("/file?" in address for address in found) > 80
    for address in sorted(found)[::7]:
        path = address.removeprefix("/airflow/orux/")
        assert served.get(path).status_code == 200, address
        assert served.get(path, nobody=True).status_code == 401, address
    files = sorted(address for address in found if "1.thumb.webp" in address)
    answer = served.get(files[0].removeprefix("/airflow/orux/"))
    assert answer.headers["content-type"] == "image/png"  # told from the bytes; the test's are such
    full = served.get("dags/many/file", run_id=RUN, task_id="imagine", map_index="7", name="3.png")
    assert full.content == (served.folder / "many" / "job-8" / "3.png").read_bytes()
