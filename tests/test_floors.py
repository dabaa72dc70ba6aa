"""Who may import whom, and what stays cheap to import. Read from the source, not believed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "airflow_provider_orux"
NAME = "airflow_provider_orux"
#: A distribution of its own: neither imports the other, but for the command that starts it.
SANDBOX = PACKAGE.parent / "sandbox" / "orux_sandbox"

#: From the roof down. A room may import rooms of lower floors, and itself.
FLOORS = (
    {"plugins", "cli"},
    {"operators", "sensors", "decorators"},
    {"durable"},
    {"triggers", "links"},
    {"poller"},
    {"hooks", "storage", "exceptions"},
    {"metrics"},
    {"checked"},
    # It knows Airflow and nothing of ours.
    {"compat"},
    {"lifecycle"},
    {"client"},
    {"gateways"},
    {"models"},
)

BESIDE = {
    # What rooms of one floor take from each other all the same, with the reason.
    # A decorator is an operator made of a function.
    ("decorators", "operators"): {"operators"},
}

# lifecycle decides and client carries: lifecycle is pure, so it does not import the client although it lies above it.
PURE = ("models", "gateways", "lifecycle")
#: All that the pure rooms take from elsewhere, beside the standard library.
PURE_THIRD_PARTY = {"pydantic", "typing_extensions", "jsonschema", "referencing"}

FORBIDDEN_THIRD_PARTY = {
    "models": {"airflow", "httpx", "requests", "aiohttp", "fastapi", "PIL", "socket", "ssl", "asyncio"},
    "gateways": {"airflow", "httpx", "requests", "aiohttp", "fastapi", "PIL", "socket", "ssl", "asyncio"},
    "lifecycle": {"airflow", "httpx", "requests", "aiohttp", "fastapi", "PIL", "socket", "ssl", "asyncio"},
    "client": {"airflow", "fastapi", "PIL"},
    # It reaches Airflow through hooks, and HTTP through httptools or client.
    "poller": {"airflow", "httpx", "requests", "aiohttp", "fastapi", "PIL"},
    # Loaded with every DAG file; airflow.sdk happens to load httpx itself today, so only the source can tell.
    **{
        room: {"httpx", "requests", "aiohttp", "fastapi", "PIL"}
        for room in ("operators", "sensors", "decorators", "links", "exceptions")
    },
}

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def files() -> Iterator[Path]:
    yield from sorted(p for p in PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Every imported module, also inside functions: (name, line, whether for type checkers only)."""
    tree = ast.parse(path.read_text(), str(path))
    typing_only: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only |= {id(inner) for child in node.body for inner in ast.walk(child)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield str(node.module), node.lineno, id(node) in typing_only
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno, id(node) in typing_only
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("importlib.import_module", "import_module", "__import__")
            and node.args
        ):
            text = ast.unparse(node.args[0]).strip("f'\"")
            if text.startswith((NAME, "airflow", "orux_sandbox")):
                yield text, node.lineno, False


def target_room(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != NAME or len(parts) < 2:
        return None
    return parts[1] if parts[1] in ROOMS else None


ROOMS = {room_of(p) for p in files()}


def test_every_room_has_a_floor():
    rooms = ROOMS - {"__init__", "get_provider_info"}
    assert rooms <= set(FLOOR_OF), f"no floor for {rooms - set(FLOOR_OF)}: say in this file where it stands"
    assert {
        "models",
        "gateways",
        "client",
        "lifecycle",
        "hooks",
        "poller",
        "triggers",
        "operators",
        "sensors",
    } <= rooms
    assert set(FLOOR_OF) <= rooms | {"plugins"}, "a floor for a room that is not there"


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in files()])
def test_imports_go_down_only(path):
    """Also late ones inside functions, and those for type checkers: a type is knowledge, too."""
    here = room_of(path)
    wrong = []
    for module, line, _ in imports(path):
        there = target_room(module)
        if there is None or there == here:
            continue
        if here in ("get_provider_info", "__init__"):
            wrong.append(f"line {line}: {here} imports {module}")
        elif there == "get_provider_info":
            wrong.append(f"line {line}: {module}")
        elif FLOOR_OF[there] <= FLOOR_OF[here] and not _beside(here, there, module):
            wrong.append(
                f"line {line}: {here} (floor {FLOOR_OF[here]}) imports {module} (floor {FLOOR_OF[there]})"
            )
        elif here == "lifecycle" and there not in ("models", "gateways"):
            wrong.append(f"line {line}: lifecycle is pure and imports {module}")
    assert not wrong, "\n".join(wrong)


def _beside(here: str, there: str, module: str) -> bool:
    allowed = BESIDE.get((here, there), set())
    return any(f"{module}.".startswith(f"{NAME}.{name}.") for name in allowed)


def test_no_exception_stands_for_nothing():
    used = {
        (room_of(path), target_room(module), allowed)
        for path in files()
        for module, _, _ in imports(path)
        for allowed in BESIDE.get((room_of(path), target_room(module)), ())
        if f"{module}.".startswith(f"{NAME}.{allowed}.")
    }
    assert used == {(*rooms, allowed) for rooms, names in BESIDE.items() for allowed in names}


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in files()])
def test_pure_rooms_stay_pure(path):
    room = room_of(path)
    forbidden = FORBIDDEN_THIRD_PARTY.get(room, set())
    wrong = []
    for module, line, _ in imports(path):
        root = module.split(".")[0]
        foreign = root not in sys.stdlib_module_names and root not in {NAME, *PURE_THIRD_PARTY}
        if root in forbidden or (room in PURE and foreign):
            wrong.append(f"line {line}: {module}")
    assert not wrong, "\n".join(wrong)


# -- the sandbox ----------------------------------------------------------------------------------------------------
def roots(path: Path) -> set[str]:
    return {module.split(".")[0] for module, _, _ in imports(path)}


def test_nothing_of_the_provider_imports_the_sandbox_but_the_command_that_starts_it():
    assert [path for path in files() if "orux_sandbox" in roots(path)] == [PACKAGE / "cli" / "sandbox.py"]
    assert not list((PACKAGE / "sandbox").rglob("*.py"))


def test_the_sandbox_imports_nothing_of_the_provider_and_no_airflow():
    modules = sorted(SANDBOX.rglob("*.py"))
    assert modules
    assert not [path for path in modules if roots(path) & {NAME, "airflow"}]


# -- no circle between files ------------------------------------------------------------------------------------------
def modules() -> dict[str, Path]:
    """Every file by its name below the package; a package is its ``__init__``."""
    found = {}
    for path in files():
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def needs(path: Path, among: Mapping[str, Path]) -> set[str]:
    """The files that a file imports, late and type-only imports included."""
    found = set()
    for module, _, _ in imports(path):
        name = module.removeprefix(f"{NAME}.")
        if module.startswith(f"{NAME}.") and name in among and among[name] != path:
            found.add(name)
    # `from package import module` needs the module; that it runs the package's own file is Python's affair.
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def circles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """The sets of files that all need each other, directly or not."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        open_ = [start]
        while open_:
            for name in graph[open_.pop()] - seen:
                seen.add(name)
                open_.append(name)
        reach[start] = seen
    return {frozenset(b for b in reach[a] if a in reach[b]) for a in graph if a in reach[a]}


def test_no_two_files_need_each_other():
    """A file that needs one that needs it cannot be read alone, nor tested alone."""
    among = modules()
    found = circles({name: needs(path, among) for name, path in among.items()})
    assert not found, [sorted(circle) for circle in found]


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"a"}}
    assert circles(graph) == {frozenset("abc")}
    assert circles({"a": {"b"}, "b": set()}) == set()


def test_the_description_of_the_provider_imports_nothing():
    path = PACKAGE / "get_provider_info.py"
    assert {m.split(".")[0] for m, _, _ in imports(path)} <= {"__future__"}


def test_the_package_itself_imports_nothing():
    assert {m.split(".")[0] for m, _, _ in imports(PACKAGE / "__init__.py")} <= {"__future__"}


def test_nothing_is_called_utils():
    assert not [
        p
        for p in files()
        if {"utils", "util", "helpers", "misc", "common"} & set(p.with_suffix("").parts[-3:])
    ]


def test_every_module_says_what_it_is_about():
    for path in files():
        text = ast.get_docstring(ast.parse(path.read_text()))
        assert text, path
        assert not text.startswith((" ", "\n"))


# -- what an import costs -------------------------------------------------------------------------------------------
LOADED = """
import json, sys
{first}
before = set(sys.modules)
import {module}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(module: str, *, first: str) -> set[str]:
    code = LOADED.format(module=module, first=first)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("module", ["operators.midjourney", "sensors.jobs"])
def test_dag_files_are_parsed_all_day(module):
    """Beyond what ``airflow.sdk`` itself has loaded: no HTTP client, no images, no sandbox, no storage."""
    new = loaded_by(f"{NAME}.{module}", first="from airflow.sdk import DAG, BaseOperator")
    roots = {name.split(".")[0] for name in new}
    assert not roots & {
        "httpx",
        "httpcore",
        "aiohttp",
        "PIL",
        "fastapi",
        "uvicorn",
        "fsspec",
        "s3fs",
        "numpy",
        "sqlalchemy",
    }
    ours = {".".join(name.split(".")[1:2]) for name in new if name.startswith(NAME + ".")}
    assert not ours & {
        "sandbox",
        "client",
        "hooks",
        "storage",
        "poller",
        "triggers",
        "cli",
        "plugins",
        "gateways",
    }
    assert len(new) < 120, sorted(new)


@pytest.mark.parametrize("room", ["models", "gateways", "lifecycle"])
def test_the_pure_rooms_load_neither_airflow_nor_http(room):
    modules = [
        ".".join((NAME, *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for p in files()
        if room_of(p) == room
    ]
    new = loaded_by(", ".join(modules), first="")
    assert f"{NAME}.{room}" in new
    assert not {name.split(".")[0] for name in new} & {"airflow", "httpx", "aiohttp"}


def test_the_description_of_the_provider_loads_nothing():
    new = loaded_by(f"{NAME}.get_provider_info", first="")
    assert new <= {NAME, f"{NAME}.get_provider_info", "__future__"}
