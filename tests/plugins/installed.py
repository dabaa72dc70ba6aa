"""The gallery in an Airflow of a test: by the package's entry point as installed, else by the plugins folder."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path


def install_gallery(home: Path) -> None:
    """Make this Airflow load it.

    :param home: its ``AIRFLOW_HOME``.
    """
    if any(e.name == "orux" for e in entry_points(group="airflow.plugins")):
        return
    (home / "plugins").mkdir(parents=True)
    text = "from airflow_provider_orux.plugins.plugin import OruxPlugin\n"
    (home / "plugins" / "gallery.py").write_text(text)
