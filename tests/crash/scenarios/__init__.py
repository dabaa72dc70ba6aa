"""The scenarios: what is done to a run at one boundary, and what must come of it."""

from tests.crash.scenarios import opengpu_relay, orux, orux_delivered, orux_routes, yescale
from tests.crash.scenarios.registry import SCENARIOS as _SCENARIOS
from tests.crash.scenarios.registry import Scenario

__all__ = ["SCENARIOS", "Scenario", "opengpu_relay", "orux", "orux_delivered", "orux_routes", "yescale"]

_ORDER = ("orux", "yescale", "opengpu_relay")
#: All scenarios, gateway by gateway.
SCENARIOS = sorted(_SCENARIOS, key=lambda scenario: _ORDER.index(scenario.gateway))
