"""``airflow orux examples``: the example DAGs, as files of your own."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import airflow_provider_orux
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.output import Output


def copy_examples(args: argparse.Namespace, out: Output) -> int:
    """Copy the example DAGs to a folder. A file that is there already stays as it is.

    :param args: ``to``: the folder; it is made if it is missing.
    """
    package = Path(airflow_provider_orux.__file__).parent
    # In an installed package they lie inside it, in a checkout beside it.
    source = next(
        (d for d in (package / "example_dags", package.parent / "example_dags") if d.is_dir()), None
    )
    if source is None:
        raise CommandError(
            "This installation has no example DAGs. They are in the project's source, in example_dags/"
        )
    target = Path(args.to).expanduser()
    files = [f for f in sorted(source.rglob("*")) if f.is_file() and "__pycache__" not in f.parts]
    there = [f for f in files if (target / f.relative_to(source)).exists()]
    try:
        for file in files:
            copy = target / file.relative_to(source)
            if file not in there:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
                out.say(str(copy))
    except OSError as e:
        raise CommandError(f"Cannot write to {target}: {e.strerror}") from None
    for file in there:
        out.note(f"left as it is: {target / file.relative_to(source)}")
    return 0
