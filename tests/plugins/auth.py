"""An auth manager for tests: the simple one, but some users may not read everything."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PickyAuthManager(SimpleAuthManager):
    """``admin`` may all. ``narrow`` sees only the DAGs whose id begins with ``open``, ``no_xcoms`` no XCom of any."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None, **more: Any
    ) -> bool:
        dag_id = details.id if details is not None else None
        if user.username == "narrow" and dag_id is not None and not dag_id.startswith("open"):
            return False
        if user.username == "no_xcoms" and access_entity is DagAccessEntity.XCOM:
            return False
        return bool(
            super().is_authorized_dag(method=method, access_entity=access_entity, details=details, user=user)
        )

    def filter_authorized_dag_ids(self, *, dag_ids: set[str], user: Any, **more: Any) -> set[str]:
        if user.username == "narrow":
            return {dag_id for dag_id in dag_ids if dag_id.startswith("open")}
        return set(super().filter_authorized_dag_ids(dag_ids=dag_ids, user=user, **more))
