"""What of Airflow only the tests use, wherever the installed version has it."""

from __future__ import annotations

import importlib

from airflow_provider_orux.compat import AirflowFailException

TaskDeferred = importlib.import_module(AirflowFailException.__module__).TaskDeferred
