"""The README on an index: no link and no image of it is dead there."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def build() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "repository", ["", "https://example.com/owner/name", "https://example.com/owner/name/"]
)
def test_no_link_is_relative(build, repository):
    shown = build.for_an_index(README, repository)
    targets = re.findall(r"\]\(([^)\s]+)\)", shown)
    assert all(re.match(r"https?://", target) for target in targets), targets
    assert ("[Start](https://example.com/owner/name/blob/HEAD/docs/start.md)" in shown) == bool(repository)
    assert ("https://example.com/owner/name/raw/HEAD/docs/images/chain.png" in shown) == bool(repository)


def test_words_and_code_stay(build):
    shown = build.for_an_index(README, "")
    for block in re.findall(r"```.*?```", README, re.DOTALL):
        assert block in shown
    assert "Troubleshooting" in shown
