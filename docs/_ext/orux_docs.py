"""The directive ``orux-table``: a table that the code itself fills while the pages are built."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tables import TABLES


class OruxTable(SphinxDirective):
    """``{orux-table} name`` and, where the table wants one, an argument."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table as nodes of the page that asked for it."""
        name, *rest = self.arguments
        text = TABLES[name](*rest)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("orux-table", OruxTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
