"""What of the three vendors' documents works with this package, as a table: ``python -m tests.coverage_table`` writes docs/coverage.md.

``entries.py`` holds what the vendors offer; how each entry is reached is asked from the package's catalogue, so a model that
gets a class of its own changes its row by itself.
"""
