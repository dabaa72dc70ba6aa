"""The gallery costs nothing until somebody looks at it, and it is where Airflow looks for plugins."""

from __future__ import annotations

import importlib
import sys

import pytest

from airflow_provider_orux.plugins.plugin import LazyGallery, OruxPlugin
from tests.conftest import ROOT
from tests.test_floors import NAME, loaded_by

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_the_entry_point_leads_to_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["airflow.plugins"]["orux"].partition(":")
    assert getattr(importlib.import_module(module), name) is OruxPlugin


def test_airflow_takes_it_for_a_plugin():
    import airflow.plugins_manager
    from airflow.plugins_manager import is_valid_plugin

    if hasattr(airflow.plugins_manager, "ensure_plugins_loaded"):
        airflow.plugins_manager.ensure_plugins_loaded()  # 3.1 compares it with those
    assert is_valid_plugin(OruxPlugin)
    routes = [view["url_route"] for view in OruxPlugin.external_views]
    assert len(set(routes)) == 4
    (app,) = OruxPlugin.fastapi_apps
    assert isinstance(app["app"], LazyGallery)
    reserved = ("/api/v2", "/ui", "/execution", "/auth", "/pluginsv2")
    assert not app["url_prefix"].startswith(reserved)


def test_every_process_loads_it_and_pays_nothing_for_it():
    """Beyond what Airflow's own plugin manager has loaded."""
    new = loaded_by(f"{NAME}.plugins.plugin", first="import airflow.plugins_manager, airflow.configuration")
    assert new <= {NAME, f"{NAME}.plugins", f"{NAME}.plugins.plugin", "__future__"}


def test_the_operators_do_not_load_it():
    new = loaded_by(f"{NAME}.operators.midjourney", first="from airflow.sdk import DAG, BaseOperator")
    assert not {name for name in new if name.startswith(f"{NAME}.plugins")}


@pytest.mark.parametrize("on", [True, False])
def test_the_switch(monkeypatch, on):
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY", str(on))
    module = importlib.reload(importlib.import_module(f"{NAME}.plugins.plugin"))
    try:
        assert bool(module.OruxPlugin.external_views) is on
        assert bool(module.OruxPlugin.fastapi_apps) is on
    finally:
        monkeypatch.delenv("AIRFLOW__ORUX__GALLERY")
        importlib.reload(module)
