"""What Airflow loads in each of its processes: names and places alone. The gallery is built at its first request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: As ``GALLERY`` in ``storage/served.py``, which is too heavy to be loaded here.
PREFIX = "orux"


class LazyGallery:
    """The gallery as an ASGI application that is imported when somebody looks at it."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if self._app is None:
            from airflow_provider_orux.plugins.app import create_app

            self._app = create_app()
        await self._app(scope, receive, send)


def _tab(destination: str, href: str) -> dict[str, str]:
    # Relative: below whatever base path Airflow has. The route has to be unique among all plugins.
    return {
        "name": "Gallery",
        "href": f"{PREFIX}/{href}",
        "destination": destination,
        "url_route": f"orux-{destination.replace('_', '-')}",
    }


_ON = conf.getboolean("orux", "gallery", fallback=True)


class OruxPlugin(AirflowPlugin):
    """The gallery: a tab on DAG, DAG run and task instance, and a page under Browse."""

    name = "orux"
    fastapi_apps: list[Any] = (
        [{"app": LazyGallery(), "url_prefix": f"/{PREFIX}", "name": "Gallery of AI artifacts"}] if _ON else []
    )
    external_views: list[Any] = (
        [
            {**_tab("nav", ""), "category": "browse"},
            _tab("dag", "dags/{DAG_ID}"),
            _tab("dag_run", "dags/{DAG_ID}/run?run_id={RUN_ID}"),
            _tab(
                "task_instance",
                "dags/{DAG_ID}/task?run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}",
            ),
        ]
        if _ON
        else []
    )
