"""Run as a program, in an Airflow of its own with the FAB auth manager: who gets which answer of the gallery, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="orux-fab-"))
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__API_AUTH__JWT_SECRET": "not-so-secret-but-long-enough-for-a-test-of-512-bits-" + "x" * 32,
    "AIRFLOW__ORUX__GALLERY_ROOTS": str(HOME / "images"),
}


def main() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
    from airflow.api_fastapi.app import get_auth_manager, init_auth_manager
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from airflow_provider_orux.plugins.plugin import OruxPlugin
    from airflow_provider_orux.storage.served import Maker
    from tests.plugins.conftest import World, of

    (HOME / "images").mkdir()
    world = World(HOME / "images")
    makers = {name: Maker(f"{name}_dag", "manual__1", "imagine", -1) for name in ("open", "secret")}
    for maker in makers.values():
        world.saved(maker)
    app = FastAPI()
    init_auth_manager(app)
    (entry,) = OruxPlugin.fastapi_apps
    app.mount(entry["url_prefix"], entry["app"])
    client = TestClient(app, raise_server_exceptions=False)
    found = {}
    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        roles = {
            "dag_and_xcoms": [("can_read", "DAG:open_dag"), ("can_read", "XComs")],
            "dag_alone": [("can_read", "DAG:open_dag")],
        }
        for name, permissions in roles.items():
            role = manager.add_role(name)
            for action, resource in permissions:
                manager.add_permission_to_role(role, manager.create_permission(action, resource))
        for name in ("Admin", "Viewer", "Public", *roles):
            user = manager.add_user(
                name, name, name, f"{name}@example.com", manager.find_role(name), password="secret"
            )
            token = get_auth_manager().generate_jwt(user)
            client.cookies.set("_token", token)
            found[name] = {
                kind: client.get(
                    f"/orux/dags/{maker.dag_id}/file", params={**of(maker), "name": "1.png"}
                ).status_code
                for kind, maker in makers.items()
            }
            page = client.get("/orux/")
            found[name]["listed"] = [kind for kind in makers if f"{kind}_dag" in page.text]
    client.cookies.clear()
    found["nobody"] = {"page": client.get("/orux/").status_code}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
