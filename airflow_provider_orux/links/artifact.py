"""The link from a task to its (first) artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class OruxArtifactLink(BaseOperatorLink):
    """Opens the first artifact: the gateway's link, else where it was saved if a browser can open that."""

    name = "Artifact"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link; empty while there is nothing to show. Computed after each run of the task, a deferral included."""
        from airflow.sdk.execution_time.xcom import XCom

        for key in ("urls", "uris"):
            value = XCom.get_value(ti_key=ti_key, key=key)
            if isinstance(value, (list, tuple)) and value and isinstance(value[0], str):
                return value[0]
        return ""
