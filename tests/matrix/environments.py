"""An environment for each pair of Airflow and Python, made on demand below ``build/matrix`` and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "matrix"
#: What the tests of the matrix need beside the package itself. Playwright is not among them, for its size: without it
#: the cell "gallery" leaves the browser out.
TOOLS = (
    "hatchling>=1.26",
    "hatch-fancy-pypi-readme>=25.1",
    "editables>=0.5",
    "hypothesis>=6.120",
    "asyncpg",
    "psutil",
    "psycopg2-binary",
    "pytest>=8.3",
    "pytest-mock>=3.14",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "httptools>=0.6.4",
    "moto[server,s3]>=5.1",
    "s3fs>=2025.3",
)
#: And what an environment of the built packages needs, to run them on CeleryExecutor too.
CELERY = (
    "apache-airflow-providers-celery",
    "celery<5.7",  # Airflow's executor does not load with 5.7
    "apache-airflow-providers-common-sql",
    "apache-airflow-providers-postgres",
    "redis",
)
#: What the tests import beside the built packages.
TESTS = ("tests", "demo", "example_dags", "docs", "benchmarks", "README.md", "pyproject.toml")


@dataclass(frozen=True)
class Airflow:
    """One release.

    :param name: as it is chosen, ``3.1``.
    :param release: that is installed.
    :param until: its packages are those of this day: an older release does not run with newer ones.
    """

    name: str
    release: str
    until: str


AIRFLOWS = (
    Airflow("3.1", "3.1.8", "2026-03-25"),
    Airflow("3.2", "3.2.1", "2026-05-10"),
    Airflow("3.3", "3.3.2", "2026-11-20"),
)
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def interpreter(python: str) -> str | None:
    """An interpreter of this version, from the path or from pyenv; None: there is none."""
    found = sorted(Path.home().glob(f".pyenv/versions/{python}.*/bin/python"))
    mine = getattr(sys, "_base_executable", sys.executable) if python == f"3.{sys.version_info[1]}" else None
    for candidate in (mine, *map(str, reversed(found)), shutil.which(f"python{python}")):
        if (
            candidate
            and subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True).returncode == 0
        ):
            return candidate
    return None


def environment(
    airflow: Airflow, python: str, *, wheels: bool = False, constraints: Path | None = None
) -> Path:
    """The Python of an environment with this Airflow; made if it is not there.

    The package itself is the checkout, so the environment outlives any change of it.

    :param wheels: with the packages that ``make dist`` built instead, as a user installs them.
    :param constraints: the constraints file of this Airflow; else its packages are those of its day.
    :raises LookupError: there is no such interpreter, or nothing was built.
    :raises subprocess.CalledProcessError: pip could not install it.
    """
    made = FOLDER / f"airflow-{airflow.name}-py{python}{'-wheels' * wheels}"
    built = sorted((ROOT / "dist").glob("*.whl"))
    if wheels and len(built) != 2:
        raise LookupError("build the packages first: make dist")
    packages = [*map(str, built), *CELERY] if wheels else _requirements()
    wanted = [f"apache-airflow=={airflow.release}", *packages, *TOOLS]
    options = ["-c", str(constraints)] if constraints else ["--uploaded-prior-to", airflow.until]
    # A folder or an index that does not say when a package was uploaded cannot be asked for a day.
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT")
    }
    env["PIP_CONFIG_FILE"] = os.devnull
    stamp = made / ".complete"
    contents = [path.read_bytes().hex() for path in built if wheels]
    key = hashlib.sha256("\n".join((*wanted, *options, *contents)).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == key:
        return made / "bin" / "python"
    base = interpreter(python)
    if base is None:
        raise LookupError(f"no Python {python} on this machine")
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run([base, "-m", "venv", str(made)], check=True)
    pip = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=26.0"], check=True)
    subprocess.run([*pip, *options, *wanted], check=True, env=env)
    if not wheels:
        editable = ["--no-deps", "--no-build-isolation", "-e", str(ROOT / "sandbox"), "-e", str(ROOT)]
        subprocess.run([*pip, *editable], check=True)
    stamp.write_text(key)
    return made / "bin" / "python"


def tests_alone() -> Path:
    """A folder with the tests and without the packages, so that those which were installed are tested."""
    folder = FOLDER / "tests-alone"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in TESTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


def _requirements() -> list[str]:
    """What the package and the sandbox require, beside Airflow."""
    found: list[str] = []
    for path in (ROOT / "pyproject.toml", ROOT / "sandbox" / "pyproject.toml"):
        text = path.read_text()
        block = text[text.index("\ndependencies = [") :]
        lines = block[: block.index("\n]")].splitlines()[2:]
        found += [line.strip().strip('",') for line in lines if line.strip().startswith('"')]
    return [name for name in found if not name.startswith("apache-airflow")]
