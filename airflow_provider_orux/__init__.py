"""Apache Airflow provider for paid AI generation gateways: Orux AI, YEScale and OpenGPU Relay."""

from __future__ import annotations

__version__ = "0.1.0"
