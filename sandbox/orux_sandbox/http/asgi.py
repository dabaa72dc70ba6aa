"""The types of ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

#: What a connection is about.
Scope = MutableMapping[str, Any]
#: One event of a connection.
Message = MutableMapping[str, Any]
#: Waits for the next event from the caller.
Receive = Callable[[], Awaitable[Message]]
#: Sends an event to the caller.
Send = Callable[[Message], Awaitable[None]]
#: An application.
App = Callable[[Scope, Receive, Send], Awaitable[None]]
