"""The link from a task to its (first) artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class OruxArtifactLink(BaseOperatorLink):
    """Opens the first artifact at the gateway's URL. Only http(s) URLs become links."""

    name = "Artifact"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link; empty if there is nothing to show.

        Airflow asks on the worker, after each run of the task (a deferral included), and keeps the answer as an XCom.
        The operator notes the link itself: reading it back from an XCom that is not there yet would log an error.
        """
        return getattr(operator, "artifact_link", None) or ""
