"""The cells: what is done to a run at one boundary, and what must come of it."""

from tests.crash.cells import opengpu_relay, orux, orux_delivered, yescale
from tests.crash.cells.registry import CELLS as _CELLS
from tests.crash.cells.registry import Cell

__all__ = ["CELLS", "Cell", "opengpu_relay", "orux", "orux_delivered", "yescale"]

_ORDER = ("orux", "yescale", "opengpu_relay")
CELLS = sorted(_CELLS, key=lambda cell: _ORDER.index(cell.gateway))
"""All cells, gateway by gateway."""
