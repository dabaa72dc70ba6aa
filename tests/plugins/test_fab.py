"""The same rights under the FAB auth manager, where its provider is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.standalone, pytest.mark.timeout(900)]


def test_who_sees_what_under_fab():
    pytest.importorskip("airflow.providers.fab", reason="needs apache-airflow-providers-fab")
    env = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.plugins.fab_matrix"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "Admin": {"open": 200, "secret": 200, "listed": ["open", "secret"]},
        "Viewer": {"open": 200, "secret": 200, "listed": ["open", "secret"]},
        "Public": {"open": 403, "secret": 403, "listed": []},
        "dag_and_xcoms": {"open": 200, "secret": 403, "listed": ["open"]},
        "dag_alone": {"open": 403, "secret": 403, "listed": []},
        "nobody": {"page": 401},
    }
