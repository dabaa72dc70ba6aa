"""The API keys of the accounts every sandbox opens with. They open nothing else."""

from __future__ import annotations

#: Orux AI, in the documented shape ``sk-app-<prefix8>_<48 base62>`` (orux.md, Authentication).
SANDBOX_KEY = "sk-app-sandbox0_NotARealKeyItOnlyOpensTheSandboxOnThisMachine000"
#: YEScale, in the shape of its gateway software: ``sk-`` and 48 letters.
YESCALE_KEY = "sk-NotARealKeyItOnlyOpensTheYEScaleSandboxOnThisPC0"
#: OpenGPU Relay: ``relay_sk_…`` (opengpu_relay.md, Host and key).
RELAY_KEY = "relay_sk_NotARealKeyItOnlyOpensTheRelaySandboxHere0"
