"""The sandbox: paid AI gateways on the user's own machine, with accounts and real images.

It is a distribution of its own and imports no client: it is written from the gateways' documents alone, so
that a client tested against it is tested against a second reading of them.

``orux-sandbox`` starts it; ``SandboxServer`` embeds it in a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orux_sandbox.keys import RELAY_KEY, SANDBOX_KEY, YESCALE_KEY

if TYPE_CHECKING:
    from orux_sandbox.http.server import SandboxServer
    from orux_sandbox.settings import Settings

__all__ = ["RELAY_KEY", "SANDBOX_KEY", "YESCALE_KEY", "SandboxServer", "Settings"]


def __getattr__(name: str) -> Any:
    # Late, so that the command line can be described without importing a web server.
    if name == "SandboxServer":
        from orux_sandbox.http.server import SandboxServer

        return SandboxServer
    if name == "Settings":
        from orux_sandbox.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
