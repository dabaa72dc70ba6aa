"""The edge to Airflow: every typed error leaves the operator as one of two exceptions."""

from __future__ import annotations

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard

from airflow_provider_orux.exceptions import OruxTaskFailedException
from airflow_provider_orux.models.errors import ConfigurationError
from airflow_provider_orux.operators.midjourney import OruxImagineOperator


def test_an_error_leaves_the_task_as_one_that_airflow_knows():
    operator = OruxImagineOperator(task_id="t", prompt="a lighthouse", conn_id="not_a_gateway")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_NOT_A_GATEWAY", '{"conn_type": "http"}')
        patch.setattr(ExecutorSafeguard, "test_mode", True)
        error = ended(operator)
    assert type(error) is OruxTaskFailedException
    assert isinstance(error.error, ConfigurationError)


def ended(operator):
    try:
        operator.execute({})
    except Exception as e:
        return e
