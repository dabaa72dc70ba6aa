"""The sandbox: gateways that run on the user's own machine, with accounts and real pictures.

It is a distribution of its own and imports no client: it is written from the gateways' documents alone, so
that a client tested against it is tested against a second reading of them.

``orux-sandbox`` starts it; ``SandboxServer`` embeds it in a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orux_sandbox.server import SandboxServer
    from orux_sandbox.settings import Settings

__all__ = ["RELAY_KEY", "SANDBOX_KEY", "YESCALE_KEY", "SandboxServer", "Settings"]

#: The key of the account that every sandbox opens with. It has the documented shape of a key,
#: ``sk-app-<prefix8>_<48 base62>`` (orux.md, Authentication), is the same everywhere, and opens nothing else.
SANDBOX_KEY = "sk-app-sandbox0_NotARealKeyItOnlyOpensTheSandboxOnThisMachine000"
#: The same for YEScale, whose keys are those of its gateway software: ``sk-`` and 48 letters.
YESCALE_KEY = "sk-NotARealKeyItOnlyOpensTheYEScaleSandboxOnThisPC0"
#: The same for OpenGPU Relay: ``relay_sk_…`` (opengpu_relay.md, Host and key).
RELAY_KEY = "relay_sk_NotARealKeyItOnlyOpensTheRelaySandboxHere0"


def __getattr__(name: str) -> Any:
    # Late, so that the command line can be described without importing a web server.
    if name == "SandboxServer":
        from orux_sandbox.server import SandboxServer

        return SandboxServer
    if name == "Settings":
        from orux_sandbox.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
