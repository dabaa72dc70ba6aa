"""The messages that docs/troubleshooting.md quotes are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
QUOTED = [
    " ".join(line.lstrip("> ") for line in block.group().splitlines())
    for block in re.finditer(r"(?:^> \S.*\n)+", PAGE, re.MULTILINE)
]


def texts() -> Iterator[str]:
    """Every text of the package, with ``…`` for what is put in."""
    for path in (ROOT / "airflow_provider_orux").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                yield " ".join("".join(map(str, parts)).split())
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield " ".join(node.value.split())


CODE = "\n".join(texts())
SOURCE = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "airflow_provider_orux").rglob("*.py"))


def is_said(message: str) -> bool:
    """Whether each part of a message between the ``…`` stands in the code, those with words at least."""
    parts = [part.strip(" .`") for part in message.split("…")]
    return any(len(part) > 7 for part in parts) and all(part in CODE for part in parts)


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_the_code_s(message):
    assert is_said(message)


#: What headings quote of others, and who says it.
OTHERS = {"'ds' is undefined": "Jinja", "ledger": "a command", "cost": "a command"}


@pytest.mark.parametrize(
    "quoted", re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^###.*$", PAGE, re.MULTILINE)))
)
def test_a_heading_quotes_only_what_is_still_said(quoted):
    assert quoted in OTHERS or re.search(rf"^class {re.escape(quoted)}\b", SOURCE, re.MULTILINE), quoted


def test_the_examples_of_an_unknown_and_a_missing_argument_get_these_messages():
    from airflow_provider_orux.models.errors import InvalidRequestError
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator

    for arguments, nearest in (({"stylise": 5}, "stylize"), ({"connection_id": "x"}, "conn_id")):
        assert f"like `{next(iter(arguments))}`" in PAGE or f"or `{next(iter(arguments))}`" in PAGE
        with pytest.raises(InvalidRequestError, match=f"has no argument `.*`; did you mean `{nearest}`[?]"):
            OruxImagineOperator(task_id="x", prompt="a fox", **arguments)
    with pytest.raises(InvalidRequestError, match=r"OruxImagineOperator needs .* Add what is missing[.]"):
        OruxImagineOperator(task_id="x")


def test_jinja_says_what_is_quoted_of_it():
    import jinja2

    with pytest.raises(jinja2.UndefinedError, match="'ds' is undefined"):
        jinja2.Environment(undefined=jinja2.StrictUndefined).from_string("{{ ds }}").render()


def test_a_message_that_nobody_says_is_noticed():
    assert not is_said("The gateway was not in the mood for …")


def test_there_are_enough_and_each_has_a_fix():
    entries = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    assert len(entries) >= 25
    assert len(QUOTED) >= 20
    for entry in entries:
        assert "*Fix*: " in entry, entry.splitlines()[0]
