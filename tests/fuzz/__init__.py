"""Valid answers of all gateways, mutated: every reader gives a right result or a typed error, in bounded time and memory."""
