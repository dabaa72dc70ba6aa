"""The error tree: what each error says, what it keeps across processes, and what it never says."""

from __future__ import annotations

import copy
import pickle

import pytest

from airflow_provider_orux.models import errors
from airflow_provider_orux.models.errors import OruxError, redact

CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, OruxError)]
KEY = "sk-app-Ab3dEf9h_" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"

#: Whether a retry cannot help. What asks a person (ambiguous, ledger) does not use up retries.
FINAL = {
    "OruxError": True, "ConfigurationError": True, "InvalidRequestError": True, "AuthenticationError": True,
    "ContentRejectedError": True, "InsufficientCreditsError": True, "UnsupportedByGatewayError": True,
    "RateLimitedError": False, "GatewayUnavailableError": False, "UnexpectedResponseError": True,
    "JobFailedError": False, "JobExpiredError": False, "JobTimeoutError": True, "JobNotFoundError": True,
    "AmbiguousSubmitError": True, "IdempotencyKeyReusedError": True, "LedgerError": True, "ArtifactError": False, "ArtifactRejectedError": True,
    "ArtifactURLExpiredError": True,
}  # fmt: skip


def test_every_class_is_in_the_table():
    assert {c.__name__ for c in CLASSES} == set(FINAL)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_final_and_next_step(cls):
    error = cls("It broke")
    assert error.final is FINAL[cls.__name__]
    assert error.charged == "unknown"
    if cls is not OruxError:
        assert error.next_step is None
        assert error.advice == cls.default_next_step
        assert not error.advice or error.advice.endswith(".")
        assert str(error) == f"It broke. (no job id, charged: unknown) {error.advice}".rstrip()
        assert cls("It broke", next_step="Do this.").advice == "Do this."
        assert cls("It broke", next_step="").advice == ""


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_no_class_promises_what_a_retry_or_a_clear_does(cls):
    """That depends on the record: ``lifecycle/advice.py`` asks the decision table."""
    assert not {"retry", "retries", "clear"} & {*cls.default_next_step.lower().replace(".", " ").split()}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_all_facts_survive_a_process_boundary(cls, through):
    error = cls(
        "It broke", gateway="orux", code="c", job_id="task_1", charged="yes", http_status=502, param="p",
        retry_after=3.0, next_step="Do this.", remedy=errors.Remedy.DISCARD,
    )  # fmt: skip
    error.final = not error.final
    again = through(error)
    assert type(again) is cls
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.args == error.args


def test_the_facts_in_the_text():
    error = OruxError("It broke!", gateway="orux", http_status=429, code="x", job_id="task_1", charged="no")
    assert str(error) == "It broke! (gateway Orux AI, HTTP 429, code x, job task_1, not charged)"
    assert "charged)" in str(OruxError("a", charged="yes"))
    assert "gateway other" in str(OruxError("a", gateway="other"))


def test_a_report_fits_a_page_and_its_commands_can_be_pasted():
    error = OruxError(
        "It broke " + "again and " * 30 + "again", gateway="orux", conn_id="orux_default", charged="no",
        outlook="No retry is used.\nA clear pays.", next_step="Look.\n`airflow orux ledger discard " + "d" * 120 + "`",
    )  # fmt: skip
    lines = error.report().splitlines()
    assert lines[-1] == "airflow orux ledger discard " + "d" * 120
    assert lines[-4:-1] == ["Look.", "No retry is used.", "A clear pays."]
    assert lines[-5] == "Not charged. Gateway Orux AI, connection orux_default."
    assert all(len(line) <= 100 for line in lines[:-1])


def test_a_command_in_a_sentence_is_on_one_line():
    command = f"`airflow orux ledger settle dag run task --job-id {'t' * 90}`"
    report = OruxError(f"It is not lost. Run {command}, then clear the task. " + "More words. " * 20).report()
    assert sum(command in line for line in report.splitlines()) == 1


def test_a_failed_job_says_whether_a_retry_pays():
    assert errors.JobFailedError("a", retry_helps=False).final
    assert not errors.JobFailedError("a", retry_helps=True).final
    assert errors.JobExpiredError("a", retry_helps=False).final


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_no_key_in_a_message(cls):
    error = cls(f"The gateway said: bad key {KEY}, sorry")
    for text in (str(error), repr(error), error.message, *map(str, error.args)):
        assert KEY not in text
        assert "Ab3dEf9h" not in text
    assert "bad key ***, sorry" in error.message


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "relay_sk_abc-DEF_123",
        "whsec_abc+/=",
        "sk-1234567890abcdef",
        "Bearer abcdefgh12345",
        "bearer  XYZ.123_456~x",
    ],
)
def test_redact_known_shapes(secret):
    for around in ("{}", "key={}", '"{}"', "({})", "a {} b", "x\n{}\ny"):
        assert secret not in redact(around.format(secret))
        assert secret.split()[-1] not in redact(around.format(secret))


@pytest.mark.parametrize(
    "harmless", ["a desk-lamp", "risk-averse-people", "the bearer", "task_01HZX", "whisk-y-glass"]
)
def test_redact_leaves_words_alone(harmless):
    assert redact(harmless) == harmless


def test_redact_given_secrets():
    assert redact("my odd-key here", "odd-key") == "my *** here"
    assert redact("my odd-key here", None, "") == "my odd-key here"
    assert redact("a b c", "b") == "a b c", "a secret of one letter would blank out every text"


def test_a_report_is_four_lines():
    error = errors.AmbiguousSubmitError(
        "No answer came",
        gateway="orux",
        http_status=504,
        job_id="task_1",
        next_step="Settle it.",
        outlook="No retry is used.",
    )
    assert error.report().splitlines() == [
        "AmbiguousSubmitError: No answer came.",
        "Charged: unknown. Job task_1, gateway Orux AI, HTTP 504.",
        "Settle it.",
        "No retry is used.",
    ]


def test_a_report_leaves_out_what_it_does_not_know():
    assert OruxError("It broke", charged="no").report() == "OruxError: It broke.\nNot charged."
