"""Who may see what. Airflow authenticates nothing for a plugin, so every route of the gallery asks here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Path
from sqlalchemy.orm import Session

#: DAGs that are asked about for one page at most: an auth manager may ask over the network for each.
MOST_DAGS = 100

#: Airflow's user; 401 without one, 403 for a token that is not valid.
User = Annotated[Any, Depends(get_user)]


def reader(dag_id: Annotated[str, Path()], user: User) -> Any:
    """The user, who may read this DAG's XComs.

    :raises HTTPException: 403: he may not.
    """
    # "~" means "all" elsewhere in Airflow, and asks for less.
    if dag_id == "~" or not readable([dag_id], user):
        raise HTTPException(403, "You may not read the XComs of this DAG.")
    return user


#: A user who may read the XComs of the DAG in the path.
Reader = Annotated[Any, Depends(reader)]


def readable(dag_ids: Iterable[str], user: Any, session: Session | None = None) -> set[str]:
    """Those of the DAGs whose XComs a user may read."""
    wanted = sorted(set(dag_ids))[:MOST_DAGS]
    manager, teams = get_auth_manager(), _teams(wanted, session)
    return {
        dag_id
        for dag_id in wanted
        if manager.is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.XCOM,
            details=DagDetails(id=dag_id, **({"team_name": teams[dag_id]} if dag_id in teams else {})),
            user=user,
        )
    }


def listed(user: Any, session: Session) -> set[str]:
    """The DAGs that a user may see at all."""
    return set(get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session))


def _teams(dag_ids: list[str], session: Session | None) -> dict[str, str]:
    """The team of each DAG that has one; there are teams since Airflow 3.2."""
    find = getattr(DagModel, "get_dag_id_to_team_name_mapping", None)
    if find is None or not dag_ids:
        return {}
    found = find(dag_ids, session=session) if session is not None else find(dag_ids)
    return {dag_id: team for dag_id, team in found.items() if team}
