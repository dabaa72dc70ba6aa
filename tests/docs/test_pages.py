"""The documentation and the code say the same: pages, marks, tables, links."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)
ALL_TEXT = "\n".join(p.read_text(encoding="utf-8") for p in PAGES)
INCLUDES = re.compile(
    r"```\{literalinclude\} (?P<file>\S+)\n(?P<options>(?::.*\n)*)```",
)
MARK = re.compile(r"\[(START|END) (howto_\w+)\]")


def includes() -> list[tuple[Path, Path, dict[str, str]]]:
    found = []
    for page in PAGES:
        for match in INCLUDES.finditer(page.read_text(encoding="utf-8")):
            options = dict(re.findall(r":([\w-]+): (.*)", match["options"]))
            found.append((page, (page.parent / match["file"]).resolve(), options))
    return found


def test_every_included_mark_is_there_and_every_mark_is_included():
    marked = set()
    for path in sorted((ROOT / "example_dags").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        names = MARK.findall(text)
        assert [kind for kind, _ in names] == ["START", "END"] * (len(names) // 2), path
        for start, end in zip(names[::2], names[1::2], strict=True):
            assert start[1] == end[1], (path, start, end)
        marked |= {(path, name) for _, name in names}
    used = set()
    for page, file, options in includes():
        assert file.exists(), (page, file)
        text = file.read_text(encoding="utf-8")
        for option in ("start-after", "end-before", "start-at"):
            if option in options:
                assert options[option].strip('"') in text, (page, file, options[option])
        used |= {
            (file, name)
            for key in ("start-after", "end-before")
            for _, name in MARK.findall(options.get(key, ""))
        }
    assert used == marked


def public_classes(package: str, suffix: str) -> dict[str, type]:
    """The public classes that the modules of a package define."""
    root = importlib.import_module(package)
    found = {}
    for info in pkgutil.iter_modules(root.__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        for name, cls in vars(module).items():
            if (
                inspect.isclass(cls)
                and cls.__module__ == module.__name__
                and name.startswith("Orux")
                and name.endswith(suffix)
            ):
                found[name] = cls
    return found


def test_every_operator_and_sensor_has_a_page_with_its_arguments_and_an_example():
    every = public_classes("airflow_provider_orux.operators", "Operator")
    bases = {n for n, cls in every.items() if any(cls in other.__bases__ for other in every.values())}
    assert bases == {"OruxOperator", "OruxModelOperator"}, "what others derive from needs no page of its own"
    operators = {name: cls for name, cls in every.items() if name not in bases}
    sensors = public_classes("airflow_provider_orux.sensors", "Sensor")
    assert len(operators) >= 7
    index = (DOCS / "operators" / "index.md").read_text(encoding="utf-8")
    for name, cls in (operators | sensors).items():
        pages = [p for p in PAGES if re.search(rf"^# {name}$", p.read_text(encoding="utf-8"), re.MULTILINE)]
        assert len(pages) == 1, name
        text = pages[0].read_text(encoding="utf-8")
        assert f"{{orux-table}} arguments {cls.__module__}:{name}" in text
        assert "{literalinclude}" in text, name
        assert (name in operators and f"`{name}`" in index) or name in sensors


def test_the_tables_of_arguments_describe_every_argument(tables):
    for name in re.findall(r"\{orux-table\} arguments (\S+)", ALL_TEXT):
        cls = tables.locate(name)
        signature = inspect.signature(cls.__init__)
        shown = tables.arguments(name)
        for argument, parameter in signature.parameters.items():
            if argument != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                assert f"| `{argument}` |" in shown, (name, argument)


def test_a_page_that_is_read_in_a_checkout_leads_to_what_it_does_not_show():
    """There nothing includes a file, and nothing fills in a table."""
    for page, file, _ in includes():
        linked = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
        assert file in {(page.parent / target).resolve() for target in linked}, (page, file)
    for page in PAGES:
        for told in re.findall(r"```\{orux-table\} .*\n((?s:.*?))```", page.read_text(encoding="utf-8")):
            source = re.fullmatch(r"Filled in by `make docs`(?:, from (\S+)|; in a terminal: \S.*)\n", told)
            assert source, (page, told)
            assert not source[1] or (ROOT / source[1]).exists(), (page, source[1])


def test_every_table_is_used_and_can_be_made(tables):
    used = re.findall(r"^```\{orux-table\} (\S+)(?: (\S+))?$", ALL_TEXT, re.MULTILINE)
    assert {name for name, _ in used} == set(tables.TABLES)
    for name, argument in used:
        text = tables.TABLES[name](*([argument] if argument else []))
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) > 2, (name, argument)
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:2]}
        assert len(cells) == 1, (name, argument)


@pytest.mark.parametrize("gateway", ["orux", "yescale", "opengpu_relay"])
def test_the_models_page_has_every_field_with_its_limits(tables, gateway):
    assert f"```{{orux-table}} models {gateway}\n" in (DOCS / "models.md").read_text(encoding="utf-8")
    shown = tables.models(gateway)
    for cls in tables.requests_of(gateway):
        part = shown.split(f"Class `{cls.__module__}.{cls.__name__}`", 1)[1].split("### ", 1)[0]
        for field in cls.field_names():
            (row,) = (line for line in part.splitlines() if line.startswith(f"| `{field}` |"))
            for item in cls.model_fields[field].metadata:
                for limit in ("ge", "le"):
                    if getattr(item, limit, None) is not None:
                        assert str(getattr(item, limit)) in row, (cls, field)


def test_the_models_page_shows_what_the_vendor_says(tables):
    shown = tables.models("orux")
    assert "| `stylize` | integer | `100` | 0 to 1000 |" in shown
    assert "| `prompt` | text | required | at most 4000 characters |" in shown
    assert "| `size` | text | `2K` | `1K`, `2K`, `4K` |" in shown
    assert re.search(r"\| `reference_images` \| list of image URLs \|  \| [^|]*3[^|]* \| Up to 3 ", shown)
    assert re.search(r"\| `aspect_ratio` \| ratio \|  \| [^|]* \| Any width:height", shown)


def test_the_named_tests_of_every_field_exist(tables):
    collected = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
            tables.FIELD_TESTS,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(tables.image_models()) == 9
    names = [
        name
        for cls in tables.image_models()
        for field in cls.field_names()
        for name in tables.tests_of(cls, field)
    ]
    assert len(names) == 3 * 46
    assert set(names) <= set(collected)
    shown = tables.field_tests()
    for cls in tables.image_models():
        for field in cls.field_names():
            assert shown.count(f"| `{cls.model}` | `{field}` |") == 1


def form_of(gateway: str) -> dict:
    from airflow_provider_orux.get_provider_info import get_provider_info

    (found,) = (
        t["conn-fields"] for t in get_provider_info()["connection-types"] if t["connection-type"] == gateway
    )
    return found


@pytest.mark.parametrize("gateway", ["orux", "yescale", "opengpu_relay"])
def test_the_form_of_the_connection_is_what_the_code_reads(tables, gateway):
    from airflow_provider_orux.gateways.registry import gateway_for
    from airflow_provider_orux.hooks.connection import Extra

    form, options = form_of(gateway), gateway_for(gateway).OPTIONS
    assert set(form) == {*Extra.model_fields, *options}
    for name, field in form.items():
        schema = field["schema"]
        if name in options:
            allowed = options[name]
            assert schema.get("default") == allowed[0], name
            if len(allowed) > 1:
                assert schema["enum"] == list(allowed), name
        else:
            default = Extra.model_fields[name].default
            assert schema.get("default") == default, name
    shown = tables.connection_fields(gateway)
    assert f"```{{orux-table}} connection {gateway}\n" in (DOCS / "connection.md").read_text(encoding="utf-8")
    for name in form:
        assert f"| `{name}` |" in shown


def test_every_assumption_of_the_orux_wire_is_on_the_page_of_assumptions():
    from airflow_provider_orux.gateways.orux import CODES, MODERATION_CODES, OruxGateway

    page = (DOCS / "what-is-documented.md").read_text(encoding="utf-8")
    for option in OruxGateway.OPTIONS:
        assert f"connection: `{option}`" in page
    for code in MODERATION_CODES:
        assert f"`{code}`" in page
    assert CODES


def test_the_table_of_the_ledger_has_every_case(tables):
    from airflow_provider_orux.lifecycle.ledger import RemoteState
    from airflow_provider_orux.lifecycle.record import State

    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in tables.ledger_table().splitlines()[2:]
    ]
    records = len(State)  # finished: delivered or not; discarded: as if there were none
    assert len(rows) == 1 + 2 * 2 * (records - 1 + len(RemoteState))
    assert len({tuple(row[:4]) for row in rows}) == len(rows)
    outcomes = {tuple(row[:4]): row[4] for row in rows}
    for (record, *_), outcome in outcomes.items():
        if record == "`intent`":
            assert outcome == "fail: `AmbiguousSubmitError`"
    # What must never be: a second charge for a job that is alive, or for a result that nobody received.
    for when in ("retry", "clear"):
        assert outcomes["`submitted`", when, "same", "running or succeeded"] == "continue with the job"
        assert outcomes["`finished`, not delivered", when, "same", "–"] == "return the recorded result"
    # A retry is free, whatever it finds; a clear of a green task is a person who asks for a new one.
    assert not [key for key, outcome in outcomes.items() if key[1] == "retry" and "submit" in outcome]
    assert outcomes["`finished`, delivered", "clear", "same", "–"] == "**submit**: a new charge"
    paying = {tuple(row[:4]) for row in rows if "`retries` set: **submit**" in row[5]}
    assert paying == {("`submitted`", "retry", "same", "failed; another try may help")}


def test_every_error_and_every_sandbox_setting_is_described(tables):
    from orux_sandbox.settings import Settings

    shown = tables.errors_table()
    for cls in tables.error_classes()[1:]:
        assert f"| `{cls.__name__}` |" in shown
        assert cls.__doc__
    parts = [tables.sandbox_settings(prefix) for prefix in ("", "yescale_", "relay_")]
    for name, field in Settings.model_fields.items():
        assert sum(f"| `{name}` |" in part for part in parts) == 1, name
        assert field.description, name


def test_relative_links_lead_somewhere():
    for page in [*PAGES, ROOT / "README.md"]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            assert file.exists(), (page, target)
            if anchor:
                assert anchor in anchors(file), (page, target)


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_the_code_in_the_readme_is_a_dag_that_imports(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 10
    tree = ast.parse(code)
    file = tmp_path / "readme_dag.py"
    file.write_text(code)
    module: dict = {}
    exec(compile(tree, str(file), "exec"), module)
    operators = {t.task_id: t for t in module["imagine"].dag.tasks}
    assert set(operators) == {"imagine", "hero"}
    assert operators["hero"].upstream_task_ids == {"imagine"}


def test_messages_name_pages_that_exist():
    titles = set(re.findall(r"^# (.*)$", ALL_TEXT, re.MULTILINE))
    named = set()
    for path in (ROOT / "airflow_provider_orux").rglob("*.py"):
        text = " ".join(path.read_text(encoding="utf-8").split())
        named |= set(
            re.findall(r"""page ['"]([^'"]+)['"] of the (?:provider's )?documentation""", text)
            + re.findall(r"""see the page ['"]([^'"]+)['"]""", text)
        )
    assert "Pools" in named
    assert named <= titles, named - titles


def test_images_of_the_documentation_are_small():
    images = list((DOCS / "images").glob("*.png"))
    assert len(images) >= 3
    for image in images:
        assert image.stat().st_size < 200_000
        assert f"images/{image.name}" in ALL_TEXT + (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_pages_build_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, tmp_path / "html"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    models = (tmp_path / "html" / "models.html").read_text(encoding="utf-8")
    assert "flux-kontext-max" in models
    assert "arrives" in models
    # An example is shown as a reader can use it: whole or with its imports, and without our marks.
    for page in (tmp_path / "html").rglob("*.html"):
        assert not re.search(r"\[(START|END) ", page.read_text(encoding="utf-8")), page
    upscale = re.sub(
        r"<[^>]+>", "", (tmp_path / "html" / "operators" / "upscale.html").read_text(encoding="utf-8")
    )
    assert "from airflow_provider_orux.operators.midjourney import OruxUpscaleOperator\n\nhero = " in upscale


def test_every_test_that_the_page_of_gateways_names_is_there():
    """Asked from pytest, since the ids come from the parametrization."""
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/routes", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    there = {line.partition("::")[2] for line in collected.splitlines() if "::" in line}
    page = (DOCS / "gateways.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+(?:\[[^`]*\])?)`", page))
    assert len(named) > 60
    assert named <= there, named - there
    assert not re.findall(r"`…[^`]*\]`", page), "an id that is cut short names no test"
    # The other ending of each is said to exist.
    for name in named:
        if name.startswith("test_relay["):
            assert {name.replace("-async]", "-sync]"), name.replace("-sync]", "-async]")} <= there
    models = {name for name in there if name.startswith(("test_orux[", "test_yescale["))}
    assert models <= named, models - named


def test_the_words_of_one_payment_stand_where_the_page_says():
    page = (DOCS / "decisions" / "durable-core.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1:4] for row in page.splitlines() if row.startswith("| `")]
    assert len(rows) == 24
    for names, _, where in rows:
        files = re.findall(r"`([^`]+)`", where)
        code = "".join((ROOT / "airflow_provider_orux" / file).read_text(encoding="utf-8") for file in files)
        for name in re.findall(r"`([^`]+)`", names):
            assert re.search(rf"^(class|def) {name}\b", code, re.MULTILINE), name
