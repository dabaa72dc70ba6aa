"""One word for one thing: the words that docs/glossary.md retires do not come back where they are ours."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"

#: What is read: code (identifiers, strings, docstrings, comments) and prose.
READ = (
    "airflow_provider_orux/**/*.py",
    "sandbox/**/*.py",
    "sandbox/README.md",
    "example_dags/*.py",
    "demo/**/*.py",
    "docs/**/*.md",
    "README.md",
    "CONTRIBUTING.md",
)

#: Where a word is somebody else's: (word, path, a line that has it, whose it is).
THEIRS = (
    ("link", r"airflow_provider_orux/links/.*", r".", "Airflow's operator links"),
    (
        "link",
        r"docs/gallery\.md",
        r"## Links|has links|\| link \||keeps links|The links",
        "Airflow's operator links",
    ),
    ("link", r"docs/decisions/link-from-operator\.md", r".", "Airflow's operator links"),
    (
        "link",
        r".*",
        r"extra.links|artifact.link|links?\.artifact|link-from-operator",
        "Airflow's operator links",
    ),
    (
        "link",
        r"airflow_provider_orux/(operators|sensors)/(base|jobs)\.py",
        r"link_facts|LINKS",
        "Airflow's operator links",
    ),
    ("link", r"airflow_provider_orux/(?:links/.*|checked\.py)", r".", "Airflow's operator links"),
    (
        "link",
        r"docs/gallery\.md",
        r"## Links|has links|\| link \||keeps links|The links",
        "Airflow's operator links",
    ),
    ("link", r"CONTRIBUTING\.md", r"triggers/  links/", "Airflow's operator links"),
    ("link", r"airflow_provider_orux/storage/.*", r"link.local", "a term of IP"),
    (
        "link",
        r"airflow_provider_orux/gateways/yescale/errors\.py",
        r"invalid \(\?:",
        "words of YEScale's messages",
    ),
    ("link", r".*", r"[Hh]ard links?|os\.link\(", "a term of file systems"),
    ("epoch", r".*", r"[Ee]poch seconds", "the unit"),
    ("keeping", r".*", r"without keeping", "the verb"),
    ("mock", r"docs/decisions/own-sandbox\.md", r"a mock that is built", "what was decided against"),
)


def retired_words(glossary: str) -> set[str]:
    """The words in code type in the last column of the glossary's table."""
    rows = [line.split("|") for line in glossary.splitlines() if line.startswith("| ")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row[3])}


def pattern(word: str) -> re.Pattern[str]:
    ending = r"(?:s|es|d|ed|ing)?" if " " not in word else ""
    return re.compile(rf"\b{word}{ending}\b", re.IGNORECASE)


def split_names(line: str) -> str:
    """The words of identifiers apart: ``read_pictures``, ``PictureField``, ``PICTURES``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", line).replace("_", " ")


def is_theirs(word: str, path: str, line: str) -> bool:
    return any(
        word == theirs and re.fullmatch(where, path) and re.search(what, line)
        for theirs, where, what, _ in THEIRS
    )


def uses(word: str, path: str, text: str) -> Iterator[str]:
    """Where a retired word is used and is ours, as ``path:line: the line``."""
    found = pattern(word)
    for number, line in enumerate(text.splitlines(), 1):
        if found.search(split_names(line)) and not is_theirs(word, path, line):
            yield f"{path}:{number}: {line.strip()}"


def sources() -> dict[str, str]:
    paths = {path for glob in READ for path in ROOT.glob(glob) if path != GLOSSARY}
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}
    return {path: text for path, text in texts.items() if not path.startswith("docs/_build")}


RETIRED = sorted(retired_words(GLOSSARY.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return sources()


def test_the_glossary_is_read():
    assert {"picture", "link", "hub", "take up"} <= set(RETIRED)
    assert "max_tries" not in RETIRED


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_not_used(word, texts):
    found = [use for path, text in texts.items() for use in uses(word, path, text)]
    assert not found, f"{word!r} is retired by docs/glossary.md:\n" + "\n".join(found)


def test_every_exception_is_needed(texts):
    for word, where, what, _ in THEIRS:
        lines = [
            line for path, text in texts.items() if re.fullmatch(where, path) for line in text.splitlines()
        ]
        assert any(pattern(word).search(split_names(line)) and re.search(what, line) for line in lines), (
            word,
            where,
            what,
        )


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("picture", "def read_pictures(request):"),
        ("picture", "class PictureField:"),
        ("picture", "PICTURES = 4"),
        ("picture", '    """Make a grid of four pictures."""'),
        ("picture", "# one picture"),
        ("link", 'raise ArtifactError(f"The link {url} is dead")'),
        ("link", "def parse_link(url):"),
        ("epoch", "record.epoch != attempt.epoch"),
        ("hub", "from airflow_provider_orux.poller import PollHub"),
        ("take up", "Jobs that are taken up".replace("taken", "take")),
    ],
)
def test_a_word_is_found_wherever_it_hides(word, line):
    assert list(uses(word, "airflow_provider_orux/models/job.py", line))


@pytest.mark.parametrize(
    ("word", "path", "line"),
    [
        (
            "link",
            "airflow_provider_orux/operators/base.py",
            "    operator_extra_links = (OruxArtifactLink(),)",
        ),
        ("link", "airflow_provider_orux/storage/address.py", "        or ip.is_link_local"),
        ("link", "airflow_provider_orux/storage/save.py", "            path.unlink()"),
        ("epoch", "airflow_provider_orux/models/job.py", "    :param finished_at: epoch seconds."),
        ("hub", "README.md", "https://github.com/"),
    ],
)
def test_a_word_of_somebody_else_stays(word, path, line):
    assert not list(uses(word, path, line))


@pytest.mark.parametrize("room", ["airflow_provider_orux", "sandbox", "tests", "benchmarks", "docs"])
def test_what_a_name_is_stands_above_it(room):
    """In a comment that begins with ``#:``, not in a string below the assignment."""
    found = []
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            body = getattr(node, "body", None)
            for before, after in itertools.pairwise(body if isinstance(body, list) else []):
                if (
                    isinstance(before, (ast.Assign, ast.AnnAssign))
                    and isinstance(after, ast.Expr)
                    and isinstance(after.value, ast.Constant)
                    and isinstance(after.value.value, str)
                ):
                    found.append(f"{path.relative_to(ROOT)}:{after.lineno}")
    assert not found
