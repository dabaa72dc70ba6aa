"""OpenGPU Relay (opengpu_relay.md)."""
