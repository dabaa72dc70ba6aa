"""The tables of the documentation, made from the code itself, so that they cannot say anything else than it does.

Every function returns Markdown. The directives of ``orux_docs`` put it into the pages; tests read it too.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    return re.sub(r"\s+", " ", str(value)).replace("|", "\\|").strip()


def markdown(text: str) -> str:
    """A docstring's reStructuredText as Markdown: literals and the names of roles."""
    text = re.sub(r":\w+:`~?([\w.]+)`", lambda m: f"`{m[1].rpartition('.')[2]}`", text)
    return text.replace("``", "`")


def code(value: Any) -> str:
    """A value as code; nothing when there is none."""
    return "" if value in (None, "") else f"`{value}`"


# -- docstrings ------------------------------------------------------------------------------------------------
def parameters(docstring: str | None) -> dict[str, str]:
    """The ``:param x:`` entries of a docstring, as Markdown."""
    text = inspect.cleandoc(docstring or "")
    found = {}
    for match in re.finditer(r"^:param (\w+): (.*?)(?=^:|^\S|\Z)", text, re.MULTILINE | re.DOTALL):
        found[match[1]] = markdown(re.sub(r"\s+", " ", match[2]).strip())
    return found


def first_sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring."""
    return markdown(re.sub(r"\s+", " ", inspect.cleandoc(docstring or "").split("\n\n")[0]))


def locate(path: str) -> Any:
    """The object of ``module:name``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def arguments(path: str) -> str:
    """The arguments of a class, from its signature and its docstring.

    :raises ValueError: an argument is not described.
    """
    cls = locate(path)
    # Where a class inherits its arguments, the class that has them describes them.
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    described = parameters(owner.__doc__) | parameters(cls.__doc__)
    signature = inspect.signature(cls.__init__)
    templated = set(getattr(cls, "template_fields", ()))
    rows = []
    for name, parameter in signature.parameters.items():
        if name == "self" or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        if name not in described:
            raise ValueError(f"{path}: the argument {name} is not described")
        default = "required" if parameter.default is inspect.Parameter.empty else f"`{parameter.default!r}`"
        rows.append([f"`{name}`", default, "yes" if name in templated else "", described[name]])
    return table(["argument", "default", "templated", "what it is"], rows)


# -- models ----------------------------------------------------------------------------------------------------
def gateways_with_a_connection() -> list[str]:
    """The gateways that have a connection type."""
    from airflow_provider_orux.get_provider_info import get_provider_info

    types: Any = get_provider_info()["connection-types"]
    return [entry["connection-type"] for entry in types]


def requests_of(gateway: str) -> list[Any]:
    """The typed requests of a gateway."""
    from airflow_provider_orux.models import catalogue

    return list(catalogue.requests_of(gateway))


def model_fields(cls: Any) -> str:
    """The table of a typed request's fields."""
    from airflow_provider_orux.models.describe import limits_text

    rows = []
    for field in cls.describe()["fields"]:
        default = field["default"]
        if isinstance(default, bool):
            default = str(default).lower()
        allowed = field.get("allowed")
        limits = ", ".join(f"`{v}`" for v in allowed) if allowed else limits_text(field)
        rows.append(
            [
                f"`{field['name']}`",
                field["type"],
                "required" if field["required"] else code(default),
                limits,
                markdown(field["description"]),
            ]
        )
    return table(["field", "type", "default", "allowed", "what it is"], rows)


def models(gateway: str) -> str:
    """Every typed request of a gateway: heading, words, table."""
    parts = []
    for cls in requests_of(gateway):
        where = f" Offered by: {cls.availability}." if cls.availability else ""
        parts.append(
            f"### {cls.label()}\n\n{first_sentence(cls.__doc__)}{where}\n\n"
            f"Class `{cls.__module__}.{cls.__name__}`, verb `{cls.verb}`, kind `{cls.kind}`. Source: {cls.source}.\n\n"
            f"{model_fields(cls)}"
        )
    return "\n".join(parts)


def image_models() -> list[Any]:
    """The nine image models of Orux AI, without the follow-ups."""
    pages = [c for c in requests_of("orux") if c.source.endswith("page Images")]
    return [c for c in pages if c.verb in ("generate", "imagine")]


FIELD_TESTS = "tests/docs/test_every_field.py"
FIELD_TEST_NAMES = (
    "test_a_good_value_arrives",
    "test_a_wrong_value_is_refused_twice",
    "test_the_default_is_the_documented_one",
)


def tests_of(cls: Any, field: str) -> list[str]:
    """The tests of one field, as pytest names them."""
    return [f"{FIELD_TESTS}::{name}[{cls.model}.{field}]" for name in FIELD_TEST_NAMES]


def field_tests() -> str:
    """Every field of the nine image models and the tests of it."""
    rows = [
        [
            f"`{cls.model}`",
            f"`{field}`",
            *(f"`{test.rpartition('::')[2].partition('[')[2][:-1]}`" for test in tests_of(cls, field)),
        ]
        for cls in image_models()
        for field in cls.field_names()
    ]
    return table(["model", "field", *(f"`{name}`" for name in FIELD_TEST_NAMES)], rows)


# -- connection and configuration --------------------------------------------------------------------------------
def connection_fields(gateway: str) -> str:
    """The extras of a gateway's connection: the form, the limits and the defaults that hold."""
    from airflow_provider_orux.gateways.registry import gateway_for
    from airflow_provider_orux.get_provider_info import get_provider_info
    from airflow_provider_orux.hooks.connection import Extra
    from airflow_provider_orux.models.describe import describe_fields, limits_text

    types: Any = get_provider_info()["connection-types"]
    form = next(t["conn-fields"] for t in types if t["connection-type"] == gateway)
    described = parameters(Extra.__doc__)
    spoken = gateway_for(gateway)
    extras = describe_fields(Extra)
    rows = []
    for name, field in form.items():
        if name in extras:
            default: Any = extras[name]["default"]
            if name == "max_in_flight_polls":
                default = spoken.default_in_flight_polls
            allowed = limits_text(extras[name]) or _yes_or_no(extras[name])
            words = described[name]
        else:
            options = spoken.OPTIONS[name]
            default = options[0]
            allowed = ", ".join(f"`{o}`" for o in options) if len(options) > 1 else ""
            words = without_default(field["description"])
        if isinstance(default, bool):
            default = str(default).lower()
        rows.append([f"`{name}`", field["label"], code(default), allowed, words])
    return table(["extra", "label in the form", "default", "allowed", "what it is"], rows)


def _yes_or_no(field: Mapping[str, Any]) -> str:
    return "true or false" if field["type"] == "boolean" else ""


def without_default(description: str) -> str:
    """A description of the form; the table has a column for the default."""
    return markdown(re.sub(r" Default: .*?\.$", "", description))


def gateway_options(gateway: str) -> str:
    """The settings with which a gateway's wire can be read otherwise."""
    from airflow_provider_orux.gateways.registry import gateway_for
    from airflow_provider_orux.get_provider_info import get_provider_info

    types: Any = get_provider_info()["connection-types"]
    form = next(t["conn-fields"] for t in types if t["connection-type"] == gateway)
    rows = [
        [
            f"`{name}`",
            code(options[0]),
            ", ".join(f"`{o}`" for o in options[1:]),
            without_default(form[name]["description"]),
        ]
        for name, options in gateway_for(gateway).OPTIONS.items()
    ]
    return table(["setting", "our reading", "the others", "what it is"], rows)


def configuration() -> str:
    """The provider's section of the Airflow configuration."""
    from airflow_provider_orux.get_provider_info import get_provider_info

    info: Any = get_provider_info()
    rows = []
    for section, content in info["config"].items():
        for name, option in content["options"].items():
            variable = f"AIRFLOW__{section.upper()}__{name.upper()}"
            words = markdown(option["description"])
            words = words.replace("{", "`{", 1) + "`" if words.rstrip(".").endswith("}") else words
            rows.append([f"`[{section}] {name}`", f"`{variable}`", code(option["default"]) or "empty", words])
    return table(["setting", "environment variable", "default", "what it is"], rows)


# -- errors and the ledger -----------------------------------------------------------------------------------------
def error_classes() -> list[Any]:
    """Every error of the package, the base first."""
    from airflow_provider_orux.models import errors

    return [
        c
        for c in vars(errors).values()
        if inspect.isclass(c) and issubclass(c, errors.OruxError) and c.__module__ == errors.__name__
    ]


def errors_table() -> str:
    """What each error means and what to do."""
    rows = []
    for cls in error_classes()[1:]:
        if hasattr(cls("x"), "retry_helps"):
            tries = "if you set `retries`, and it may help" if cls.__name__ == "JobFailedError" else "no"
        else:
            tries = "no" if cls("x").final else "yes"
        rows.append(
            [f"`{cls.__name__}`", first_sentence(cls.__doc__), tries, markdown(cls.default_next_step)]
        )
    return table(["error", "what happened", "uses Airflow's retries", "what to do"], rows)


def codes_table() -> str:
    """Orux AI's error codes and the errors they become."""
    from airflow_provider_orux.gateways.orux import CODES, MODERATION_CODES, TYPES

    rows = [[f"`{name}`", "code, documented", f"`{cls.__name__}`"] for name, cls in CODES.items()]
    rows += [[f"`{name}`", "code, assumed", "`ContentRejectedError`"] for name in sorted(MODERATION_CODES)]
    rows += [
        [f"`{name}`", "type, documented; decides where the code is not known", f"`{cls.__name__}`"]
        for name, cls in TYPES.items()
    ]
    return table(["on the wire", "which is", "becomes"], rows)


def ledger_table() -> str:
    """The whole table of the ledger, asked from the function that decides."""
    from dataclasses import replace

    from airflow_provider_orux.lifecycle.ledger import Action, Attempt, Policy, RemoteState, decide
    from airflow_provider_orux.lifecycle.record import Record, State

    here = {"conn_id": "orux_default", "host": "https://orux.top"}
    now = Attempt(max_tries=0, fingerprint="a" * 64, gateway="orux", at=1000.0, account="a" * 32, **here)
    submitted = Record(
        state=State.SUBMITTED,
        max_tries=0,
        fingerprint=now.fingerprint,
        updated_at=900.0,
        submission_id="gen-1",
        job_id="task_1",
        account=now.account,
        **here,
    )
    finished = submitted.changed(state=State.FINISHED, result={"artifacts": []})
    records = {
        "`intent`": submitted.changed(state=State.INTENT, job_id=None),
        "`submitted`": submitted,
        "`finished`, not delivered": finished,
        "`finished`, delivered": finished.changed(delivered=True),
        "`settled`": submitted.changed(state=State.SETTLED),
    }
    says = {
        RemoteState.ALIVE: "running or succeeded",
        RemoteState.FAILED: "failed; another try may help",
        RemoteState.FAILED_FINALLY: "failed; another try cannot help",
        RemoteState.EXPIRED: "expired",
        RemoteState.UNKNOWN: "unknown, or not readable",
    }
    words = {
        Action.SUBMIT: "**submit**: a new charge",
        Action.REATTACH: "continue with the job",
        Action.RETURN: "return the recorded result",
        Action.RESEND: "send again under the same key: no new charge",
    }
    variants = {
        "`retries` set": Policy(paying_retries=True),
        "a gateway with idempotency keys": Policy(idempotency_seconds=86_400.0),
        "`on_ambiguous_submit='resubmit'`": Policy(on_ambiguous_submit="resubmit"),
        "`on_clear='resubmit'`": Policy(on_clear="resubmit"),
        "`on_clear='reattach'`": Policy(on_clear="reattach"),
        "`on_request_changed='resubmit'`": Policy(on_request_changed="resubmit"),
        "`on_request_changed='reattach'`": Policy(on_request_changed="reattach"),
    }

    def outcome(found: Record | None, policy: Policy, remote: RemoteState | None, attempt: Attempt) -> str:
        decision = decide(found, attempt, policy, remote)
        if decision.action is Action.FAIL:
            return f"fail: `{type(decision.error).__name__}`"
        return words[decision.action]

    rows = [["none", "–", "–", "–", outcome(None, Policy(), None, now), ""]]
    for (name, record), when, changed in itertools.product(
        records.items(), ("retry", "clear"), ("same", "changed")
    ):
        attempt = replace(now, max_tries=int(when == "clear"))
        if changed == "changed":
            attempt = replace(attempt, fingerprint="b" * 64)
        for remote in RemoteState if record is submitted else (None,):
            default = outcome(record, Policy(), remote, attempt)
            others = [
                f"{setting}: {different}"
                for setting, policy in variants.items()
                if (different := outcome(record, policy, remote, attempt)) != default
            ]
            rows.append([name, when, changed, says[remote] if remote else "–", default, "; ".join(others)])
    return table(
        ["record", "run again by", "request", "the gateway says", "what the attempt does", "otherwise with"],
        rows,
    )


# -- sandbox -------------------------------------------------------------------------------------------------------
def sandbox_flags() -> str:
    """The command line of the sandbox."""
    from orux_sandbox.cli import add_arguments

    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return options_table(parser)


def options_table(parser: argparse.ArgumentParser) -> str:
    """The arguments of a parser."""
    rows = []
    for option in parser._actions:
        if isinstance(option, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        name = ", ".join(option.option_strings) or str(option.metavar or option.dest)
        if isinstance(option.metavar, tuple):
            name = " ".join(option.metavar)
        value = ""
        if option.option_strings and option.nargs != 0:
            value = (
                "|".join(map(str, option.choices))
                if option.choices
                else option.metavar or option.dest.upper()
            )
        text = (option.help or "") % {"default": option.default}
        text = re.sub(r"<(\w+)>", r"\\<\1\\>", text)
        rows.append([f"`{name}{' ' if value else ''}{value}`", text])
    return table(["argument", "what it is"], rows)


def sandbox_settings(prefix: str = "") -> str:
    """The settings of the sandbox.

    :param prefix: those that belong to one gateway begin with its name; empty: the common ones and Orux AI's.
    """
    from airflow_provider_orux.models.describe import describe_fields
    from orux_sandbox.settings import Settings

    described = describe_fields(Settings)
    rows = []
    for name, field in Settings.model_fields.items():
        if not name.startswith(prefix) or (not prefix and name.startswith(("yescale_", "relay_"))):
            continue
        default = field.get_default(call_default_factory=True)
        choices = described[name].get("allowed", ())
        shown = (
            f"{len(default)} entries" if isinstance(default, dict) and default else code(default) or "empty"
        )
        words = re.sub(r"(\{(?:[^{}]|\{[^{}]*\})*\})", r"`\1`", field.description or "")
        rows.append([f"`{name}`", shown, ", ".join(f"`{c}`" for c in choices), words])
    return table(["setting", "default", "choices", "what it is"], rows)


def sandbox_prices() -> str:
    """The made-up prices."""
    from orux_sandbox.settings import SANDBOX_PRICES

    return table(
        ["model", "Credits"], [[f"`{name}`", f"{price:g}"] for name, price in SANDBOX_PRICES.items()]
    )


def sandbox_faults() -> str:
    """The faults."""
    from airflow_provider_orux.models.describe import describe_fields
    from orux_sandbox.faults import Fault
    from orux_sandbox.wire import Then

    rows = []
    for name, field in describe_fields(Then).items():
        choices = field.get("allowed", ())
        rows.append(
            [
                f"`{name}`",
                ", ".join(f"`{str(c).lower() if isinstance(c, bool) else c}`" for c in choices)
                or _yes_or_no(field)
                or field["type"],
                FAULT_WORDS.get(name) or _fault_words(name),
            ]
        )
    order = [[f"`{n}`", ORDER_WORDS[n]] for n in Fault.model_fields if n not in ("id", "seen", "hits")]
    return (
        "An order:\n\n"
        + table(["field", "what it is"], order)
        + "\nWhat happens to a request it hits (`then`):\n\n"
        + table(["field", "value", "what it does"], rows)
    )


def _fault_words(name: str) -> str:
    """What the sandbox itself says of a kind of fault that has no words below.

    :raises ValueError: nothing.
    """
    from orux_sandbox.wire import Then

    if Then.model_fields[name].description:
        return markdown(str(Then.model_fields[name].description))
    for entry in re.split(r"^- |\n\n", inspect.cleandoc(Then.__doc__ or ""), flags=re.MULTILINE):
        if f"``{name}``" in entry:
            return markdown(re.sub(r"\s+", " ", entry))
    raise ValueError(f"no text says what the fault {name} is")


ORDER_WORDS = {
    "endpoint": "which endpoint: `images.generate`, `tasks.submit`, `tasks.get`, `models`, `usage`, `files`; a pattern "
    "such as `tasks.*` too. Default `*`",
    "skip": "let this many fitting requests pass first. Default 0",
    "times": "hit this many; 0: all. Default 1",
    "for_model": "only requests for this model",
    "for_job": "only requests about this job",
    "then": "what happens; see below",
}
FAULT_WORDS = {
    "delay": "seconds to wait",
    "when": "whether the delay comes before or after the submission is accepted; who hangs up `before` was never heard",
    "slow": "bytes a second at which the body arrives",
    "status": "answer with this HTTP status, in the gateway's own error envelope",
    "code": "the envelope's `code`",
    "message": "the envelope's `message`",
    "type": "the envelope's `type`",
    "param": "the envelope's `param`",
    "channel": "the envelope's `channel`",
    "headers": "headers of that answer, such as `Retry-After`",
    "after_accepting": "make the job and its charge, and still answer this",
    "cut": "end the connection: before anything was accepted, after it was, or in the middle of the answer",
    "reset": "end it with a TCP reset",
    "malformed": "a body that is not what was promised",
    "answer": 'exactly this answer: `{"status", "body", "headers"}`',
    "merge": "the real answer with these fields laid over it; null removes a field",
    "job": "the outcome of the job the request submits",
    "error_code": "the failed job's `error_code`",
    "error_message": "the failed job's `error_message`",
    "after": "seconds until then",
    "count": "how many artifacts are left with `fewer`",
    "truncate": "a file that ends too early; `quietly`: its Content-Length is honest about it",
    "content": "another content instead of the file",
    "redirect": "a redirect to this address instead of the file",
    "big_mib": "an endless image of this many MiB",
    "declare_length": "whether that image says how long it is",
    "packed": "the real answer packed, or said to be, although nobody asked; `bomb`: 64 MiB in a few hundred bytes",
    "framing": "the real answer in a form that strict HTTP parsers refuse, or in very many pieces",
    "drip": "the real answer, `slow` bytes a second (10), from its head or body on; `interim`: 1xx answers for ever",
    "echo_key": "the caller's key in fields, messages and URLs of the answer, in this spelling; also with `status`",
}


# -- the command line ----------------------------------------------------------------------------------------------
def commands() -> str:
    """Every ``airflow orux`` command with its arguments."""
    from airflow_provider_orux.cli.main import parser

    parts: list[str] = []

    def walk(one: argparse.ArgumentParser, words: list[str]) -> None:
        groups = [a for a in one._actions if isinstance(a, argparse._SubParsersAction)]
        if groups:
            for group in groups:
                for name, child in group.choices.items():
                    walk(child, [*words, name])
            return
        text = re.sub(r"\s+", " ", one.description or "").strip()
        parts.append(f"### `{' '.join(words)}`\n\n{text}\n\n{options_table(one)}")

    walk(parser(), ["airflow"])
    return "\n".join(parts)


#: What the directive ``orux-table`` knows.
TABLES = {
    "arguments": arguments,
    "codes": codes_table,
    "commands": commands,
    "configuration": configuration,
    "connection": connection_fields,
    "errors": errors_table,
    "field-tests": field_tests,
    "ledger": ledger_table,
    "models": models,
    "options": gateway_options,
    "sandbox-faults": sandbox_faults,
    "sandbox-flags": sandbox_flags,
    "sandbox-prices": sandbox_prices,
    "sandbox-settings": sandbox_settings,
}
