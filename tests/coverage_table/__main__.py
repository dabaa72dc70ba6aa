"""``python -m tests.coverage_table``: writes docs/coverage.md."""

from __future__ import annotations

from tests.coverage_table.table import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
