"""What an index shows as the README: its links lead into the repository, where they work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


class ReadmeHook(MetadataHookInterface):
    """Sets ``readme``; the repository's URL is ``Repository`` of ``[project.urls]`` and stands nowhere else."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the rewritten README into the metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        repository = metadata.get("urls", {}).get("Repository", "")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_an_index(text, repository)}


def for_an_index(text: str, repository: str) -> str:
    """A README whose relative links are absolute; without a repository they are plain words, and no image is dead.

    :param repository: like ``https://host/owner/name``.
    """

    def absolute(match: re.Match[str]) -> str:
        image, words, target = match["image"], match["text"], match["target"]
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        if not repository:
            return "" if image else words
        return f"{image}[{words}]({repository.rstrip('/')}/{'raw' if image else 'blob'}/HEAD/{target})"

    return re.sub(r"\n{3,}", "\n\n", LINK.sub(absolute, text))
