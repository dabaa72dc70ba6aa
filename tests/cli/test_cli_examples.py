"""``airflow orux examples`` copies the examples, and overwrites nothing."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest

from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.examples import copy_examples
from airflow_provider_orux.cli.output import Output

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"


def copy(target: Path) -> tuple[str, str]:
    out, remarks = io.StringIO(), io.StringIO()
    assert copy_examples(argparse.Namespace(to=str(target)), Output(out, remarks)) == 0
    return out.getvalue(), remarks.getvalue()


def test_every_example_is_copied_with_its_data(tmp_path):
    copied, remarks = copy(tmp_path / "dags" / "orux")
    files = [p for p in EXAMPLES.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    for file in files:
        assert (tmp_path / "dags" / "orux" / file.relative_to(EXAMPLES)).read_bytes() == file.read_bytes()
    assert len(copied.splitlines()) == len(files)
    assert remarks == ""


def test_a_file_that_is_there_stays(tmp_path):
    mine = tmp_path / "midjourney_chain.py"
    mine.write_text("# mine\n")
    copied, remarks = copy(tmp_path)
    assert mine.read_text() == "# mine\n"
    assert remarks == f"left as it is: {mine}\n"
    assert str(mine) not in copied


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match=r"Cannot write to .*/file/dags: Not a directory"):
        copy(tmp_path / "file" / "dags")
