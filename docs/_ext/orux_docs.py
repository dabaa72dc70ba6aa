"""The directive ``orux-table``, a table that the code itself fills, and what a page shows of an example DAG."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude
from sphinx.util.docutils import SphinxDirective
from tables import TABLES

MARK = re.compile(r"^ *# \[(START|END) \w+\]\n", re.MULTILINE)


class OruxTable(SphinxDirective):
    """``{orux-table} name`` and, where the table wants one, an argument.

    Its content is for those who read the page in a checkout, where nothing makes the table.
    """

    required_arguments = 1
    optional_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The table as nodes of the page that asked for it."""
        name, *rest = self.arguments
        text = TABLES[name](*rest)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class Example(LiteralInclude):
    """``literalinclude`` without the marks; a part of a Python file comes with the imports that it needs."""

    def run(self) -> list[nodes.Node]:
        """What Sphinx includes, as a reader can use it."""
        found = super().run()
        for block in found:
            if isinstance(block, nodes.literal_block) and self.options.get("language") == "python":
                code = readable(Path(block["source"]).read_text(encoding="utf-8"), block.rawsource)
                block.rawsource = code
                block.children = []
                block += nodes.Text(code)
        return found


def readable(file: str, part: str) -> str:
    """A part of a Python file, or all of it, as a page shows it."""
    part = MARK.sub("", part)
    return part if "\nimport " in part or "\nfrom " in part else imports_for(file, part) + part


def imports_for(file: str, part: str) -> str:
    """The imports of a file that a part of it uses."""
    used = {node.id for node in ast.walk(ast.parse(part)) if isinstance(node, ast.Name)}
    lines = []
    for node in ast.parse(file).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            node.names = [n for n in node.names if (n.asname or n.name.partition(".")[0]) in used]
            if node.names:
                lines.append(ast.unparse(node))
    return "".join(f"{line}\n" for line in lines) + "\n" * bool(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directives."""
    app.add_directive("orux-table", OruxTable)
    app.add_directive("literalinclude", Example, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
