"""The layout of ``orux_sandbox``: rooms that stand on each other, no circles, modules one can read in a sitting."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import orux_sandbox

PACKAGE = Path(orux_sandbox.__file__).parent
NAME = "orux_sandbox"

#: From the roof down. A room imports itself and lower ones; rooms of one floor know nothing of each other.
ROOMS = (
    {"__main__"},
    {"cli"},
    {"__init__"},
    {"http"},
    {"orux", "yescale", "relay"},
    {"gateway", "words"},
    {"engine"},
    {"art", "faults"},
    {"settings", "wire", "bodies", "keys"},
)

FLOOR_OF = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}


def module_of(path: Path) -> str:
    parts = (NAME, *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Modules of ours that a module imports, wherever it does, also for type checkers alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [
                f"{node.module}.{alias.name}"
                if f"{node.module}.{alias.name}" in MODULES
                else str(node.module)
                for alias in node.names
            ]
        else:
            continue
        found |= {name for name in names if name.split(".")[0] == NAME}
    return found


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_no_module_is_in_a_circle():
    try:
        order = list(
            TopologicalSorter({m: imports(path) - {m} for m, path in MODULES.items()}).static_order()
        )
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    here = room_of(module)
    wrong = [
        there
        for there in map(room_of, imports(MODULES[module]))
        if there != here and FLOOR_OF[there] <= FLOOR_OF[here]
    ]
    assert not wrong


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_in_a_sitting(module):
    text = MODULES[module].read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), "it does not say what it is about"
