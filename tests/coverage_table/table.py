"""How each entry is reached, asked from the package; and the page."""

from __future__ import annotations

from collections import Counter
from functools import cache

from airflow_provider_orux.gateways.registry import gateway_class
from airflow_provider_orux.models.catalogue import requests_of
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest
from tests.conftest import ROOT
from tests.coverage_table.entries import TABLES, Entry, Table

PAGE = ROOT / "docs" / "coverage.md"
#: The operator of a verb; what makes no image is a job.
OPERATORS = {
    "imagine": "OruxImagineOperator",
    "upscale": "OruxUpscaleOperator",
    "variation": "OruxVariationOperator",
    "reroll": "OruxRerollOperator",
    "blend": "OruxBlendOperator",
    "describe": "OruxDescribeOperator",
}
WORDS = {
    "hook": "works",
    "provider": "[official providers](chat.md)",
    "gone": "not offered by the vendor any more",
    "out": "out of scope",
    "page": "a page that explains",
}
NOT_YET = "not yet"

HEAD = """# Coverage

Every entry of the three documents that this project was created from, and every model that the vendors' other pages, clients and
types name, as of 2026-11-27. The page is made from the package's own catalogue by `make coverage`; a test keeps it
up to date.

- **an operator**: it has checked fields, documented on the page [Models](models.md). Any model that makes something can also be used
  with [`OruxSubmitJobOperator`](operators/submit-job.md).
- **by name**: the gateway's own catalogue is asked for its fields when the task runs.
- **`CustomRequest`**: its fields are not documented, so they are sent unchecked, with everything else a task has: paid once, waited
  for, saved.
- **official providers**: [chat, vision and embeddings](chat.md) on the same key.

"""


@cache
def typed(gateway: str, model: str, verb: str) -> type[GenerationRequest] | None:
    """The typed request for a model."""
    found = (c for c in requests_of(gateway) if c.model == model and c.verb == verb)
    return next(found, None)


@cache
def looks_up(gateway: str) -> bool:
    """Whether the gateway's own catalogue is asked for a model that has no class."""
    cls = gateway_class(gateway)
    return "look_up" in vars(cls)


@cache
def takes_custom(gateway: str, model: str) -> bool:
    """Whether a request for the model can be built with fields of the author's."""
    request = CustomRequest(name=model, body={"prompt": "x"})
    try:
        return model in str(gateway_class(gateway)().submit(request).body)
    except OruxError:
        return False


def operator_of(cls: type[GenerationRequest]) -> str:
    """The operator that makes a typed request; where several do, the one with its name."""
    plain = "OruxGenerateImageOperator" if cls.kind == "image" else "OruxSubmitJobOperator"
    return OPERATORS.get(cls.verb, plain)


def way(gateway: str, entry: Entry) -> str:
    """How an entry is reached, in words."""
    if entry.status != "job":
        return WORDS[entry.status]
    assert entry.model is not None
    if (cls := typed(gateway, entry.model, entry.verb)) is not None:
        return f"`{operator_of(cls)}`"
    if looks_up(gateway):
        return "`OruxSubmitJobOperator`, by name"
    if entry.is_id and takes_custom(gateway, entry.model):
        return "`OruxSubmitJobOperator`, `CustomRequest`"
    return NOT_YET


def page() -> str:
    """The page as it should be."""
    return HEAD + "\n".join(_summary()) + "\n\n" + "\n\n".join(_section(table) for table in TABLES) + "\n"


def _summary() -> list[str]:
    lines = [
        "| document | entries | an operator | works otherwise | official providers | not yet | not offered, out of scope, a page |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for table in TABLES:
        count = Counter(way(table.gateway, entry) for entry in table.entries)
        operators = sum(n for said, n in count.items() if "Operator" in said)
        rest = count[WORDS["gone"]] + count[WORDS["out"]] + count[WORDS["page"]]
        cells = (
            len(table.entries),
            operators,
            count[WORDS["hook"]],
            count[WORDS["provider"]],
            count[NOT_YET],
            rest,
        )
        lines.append(f"| {table.title} | " + " | ".join(map(str, cells)) + " |")
    return lines


def _section(table: Table) -> str:
    rows = [
        f"| {entry.name} | {way(table.gateway, entry)} | {entry.note} |".replace("|  |", "| |")
        for entry in table.entries
    ]
    return "\n".join([f"## {table.title}", "", "| entry | how | note |", "|---|---|---|", *rows])


def check_title(table: Table) -> bool:
    """Whether a table names its gateway as the package does."""
    return table.title.startswith(title_of(table.gateway))
