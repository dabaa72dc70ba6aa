"""What the provider tells Airflow about itself, against Airflow's own schema and the code itself."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.get_provider_info import get_provider_info
from airflow_provider_orux.hooks.connection import Extra, read_connection
from airflow_provider_orux.models.registry import GATEWAYS

INFO: dict[str, Any] = get_provider_info()
PACKAGE = Path(__file__).resolve().parents[1] / "airflow_provider_orux"
CONNECTIONS = {c["connection-type"]: c for c in INFO["connection-types"]}


def load(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_airflows_own_schema():
    path = Path(airflow.__file__).parent / "provider_info.schema.json"
    jsonschema.validate(INFO, json.loads(path.read_text()))


def test_it_is_the_entry_point_and_plain_data():
    (entry,) = [
        e
        for e in importlib.metadata.entry_points(group="apache_airflow_provider")
        if e.value.startswith("airflow_provider_orux")
    ]
    assert entry.load() is get_provider_info
    assert json.loads(json.dumps(INFO)) == INFO
    assert get_provider_info() is not get_provider_info(), "a caller that changes it changes its own"
    assert INFO["package-name"] == entry.dist.name


def test_every_module_named_is_there():
    named = set()
    for section in ("operators", "sensors", "hooks", "triggers"):
        for group in INFO[section]:
            assert group["integration-name"] in {i["integration-name"] for i in INFO["integrations"]}
            for module in group["python-modules"]:
                importlib.import_module(module)
                named.add(module)
    # and the other way round: what a user imports is named
    public = {"operators": ("images", "midjourney", "jobs"), "sensors": ("jobs",), "triggers": ("jobs",)}
    for room, names in public.items():
        assert {f"airflow_provider_orux.{room}.{n}" for n in names} <= named
    assert {g.hook_class.partition(":")[0] for g in GATEWAYS.values()} <= named


def test_every_class_named_is_there():
    from airflow.sdk import BaseHook, BaseOperatorLink

    for connection in INFO["connection-types"]:
        hook = load(connection["hook-class-name"])
        assert issubclass(hook, BaseHook)
        assert hook.conn_type == connection["connection-type"]
        assert hook.hook_name == connection["hook-name"]
        assert (
            GATEWAYS[connection["connection-type"]].hook_class.replace(":", ".")
            == connection["hook-class-name"]
        )
    for path in INFO["extra-links"]:
        assert issubclass(load(path), BaseOperatorLink)
    for decorator in INFO["task-decorators"]:
        assert callable(load(decorator["class-name"]))
    for path in INFO.get("cli", []):
        assert callable(load(path))
    for plugin in INFO.get("plugins", []):
        load(plugin["plugin-class"])


def test_every_gateway_has_a_connection_type():
    assert set(CONNECTIONS) == set(GATEWAYS)


# -- the form of the connection -----------------------------------------------------------------------------------
@pytest.mark.parametrize("conn_type", sorted(CONNECTIONS))
def test_the_form_has_a_field_for_every_setting_and_no_other(conn_type):
    fields = set(CONNECTIONS[conn_type]["conn-fields"])
    assert fields == set(Extra.model_fields) | set(gateway_for(conn_type).OPTIONS)


@pytest.mark.parametrize("conn_type", sorted(CONNECTIONS))
def test_the_form_offers_what_the_code_takes(conn_type):
    gateway = gateway_for(conn_type)
    for name, field in CONNECTIONS[conn_type]["conn-fields"].items():
        schema = field["schema"]
        assert field["label"]
        assert field["description"]
        assert "null" in schema["type"], f"{name}: the form sends null for an empty field"
        if name in Extra.model_fields:
            default = Extra.model_fields[name].default
            assert schema.get("default") == default, name
        else:
            allowed = gateway.OPTIONS[name]
            assert schema.get("default") == allowed[0], name
            if len(allowed) > 1:
                assert sorted(map(str, schema["enum"])) == sorted(map(str, allowed)), name


@pytest.mark.parametrize("conn_type", sorted(CONNECTIONS))
def test_what_the_form_accepts_the_code_accepts(conn_type):
    """The limits of the form are not wider than those of the code, and its defaults are the code's."""
    fields = CONNECTIONS[conn_type]["conn-fields"]
    secret = {"host": None, "port": None, "schema": None, "password": "sk-abcdefgh12345678"}

    def read(extra: dict[str, Any]):
        return read_connection(conn_id="c", conn_type=conn_type, extra=extra, **secret)

    plain = read({})
    filled = read({name: field["schema"].get("default") for name, field in fields.items()})
    assert filled.client == plain.client
    names = list(Extra.model_fields)
    assert [getattr(filled.extra, n) for n in names] == [getattr(plain.extra, n) for n in names]
    assert filled.gateway.options == plain.gateway.options
    for name, field in fields.items():
        for limit in ("minimum", "maximum"):
            if limit in field["schema"]:
                read({name: field["schema"][limit]})
        for value in field["schema"].get("enum", ()):
            read({name: value})


@pytest.mark.parametrize("conn_type", sorted(CONNECTIONS))
def test_what_could_hold_a_password_is_not_shown(conn_type):
    assert CONNECTIONS[conn_type]["conn-fields"]["proxy"]["schema"]["format"] == "password"


@pytest.mark.parametrize("conn_type", sorted(CONNECTIONS))
def test_the_placeholder_is_the_default_host(conn_type):
    behaviour = CONNECTIONS[conn_type]["ui-field-behaviour"]
    assert behaviour["placeholders"]["host"] == gateway_for(conn_type).host
    assert behaviour["relabeling"]["password"] == "API key"
    assert "password" not in behaviour["hidden-fields"]
    assert "host" not in behaviour["hidden-fields"]


def test_settings_of_the_configuration_are_read_by_the_code():
    source = "\n".join(p.read_text() for p in PACKAGE.rglob("*.py") if p.name != "get_provider_info.py")
    for section, content in INFO["config"].items():
        for option, described in content["options"].items():
            assert f'"{section}", "{option}"' in source, f"[{section}] {option} is offered and never read"
            assert described["description"]
            assert described["version_added"]


# -- airflow itself -----------------------------------------------------------------------------------------------
SHOWN = {
    "hooks": ["orux"],
    "links": ["OruxGalleryLink", "OruxArtifactLink", "OruxManifestLink", "OruxJobLink"],
    "list": ["airflow-provider-orux"],
    "configs": ["orux"],
}


@pytest.mark.airflow
def test_airflow_shows_our_things():
    """One process for all ``airflow providers`` commands: starting Airflow is what takes long."""
    code = (
        "import json, sys\n"
        "from airflow.cli.cli_parser import get_parser\n"
        "parser = get_parser()\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    print('=====', command)\n"
        "    arguments = parser.parse_args(['providers', command, '--output', 'json'])\n"
        "    arguments.func(arguments)\n"
    )
    commands = ["hooks", "links", "list"]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for part in done.stdout.split("===== ")[1:]:
        command, _, output = part.partition("\n")
        for word in SHOWN[command]:
            assert word in output, f"`airflow providers {command}` does not show {word}"
    assert "Traceback" not in done.stderr
    for conn_type in CONNECTIONS:
        assert conn_type in done.stdout


@pytest.mark.parametrize(("library", "lowest"), [("pillow", "12.1.1"), ("httpcore", "1.0.9")])
def test_libraries_that_read_foreign_bytes_are_no_older_than_their_known_holes(
    library: str, lowest: str
) -> None:
    root = PACKAGE.parent
    asked = [
        found
        for project in ("pyproject.toml", "sandbox/pyproject.toml")
        for found in re.findall(rf'"{library}>=([0-9.]+)"', (root / project).read_text())
    ]
    assert set(asked) == {lowest}
    tried = re.findall(rf"^{library}==(\S+)", (root / "constraints-lowest.txt").read_text(), re.M)
    assert tried == [lowest], "`make test-lowest` tries what is promised"
