"""The wire of OpenGPU Relay, in its two generations."""
