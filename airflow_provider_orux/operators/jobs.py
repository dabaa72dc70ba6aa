"""``OruxSubmitJobOperator``: any model, any kind. ``OruxSaveArtifactsOperator``: save what a job made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_orux.checked import CheckedOperator
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.links.artifact import LINKS
from airflow_provider_orux.models.arguments import is_mapped, one_of, text
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.operators.images import OruxModelOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_orux.durable.delivery import OnPartial
    from airflow_provider_orux.gateways.base import Gateway, Route


class OruxSubmitJobOperator(OruxModelOperator):
    """Submit an asynchronous job for any model: image, song, clip.

    With ``wait_for_completion=False`` the task returns at once with the job id, for a sensor.

    :raises InvalidRequestError: a field is wrong; the message names it, the allowed values and the nearest right name.
    """

    def route_wanted(self, gateway: Gateway) -> Route | None:
        """Always asynchronous: this operator submits a job."""
        return "async"


class OruxSaveArtifactsOperator(CheckedOperator, BaseOperator):
    """Save the artifacts of a job that another task submitted. It pays nothing: clear it as often as you like.

    :param job_id: the job: ``submit.output["job_id"]`` (templated). It must have ended: put a sensor before it.
    :param save_to: folder for the artifacts, as an ObjectStoragePath URI (templated).
    :param conn_id: the Airflow connection of the gateway (templated). Default ``orux_default``.
    :param storage_conn_id: the Airflow connection of the storage, if it needs one.
    :param on_partial: ``fail`` (default; a retry fetches the missing ones) or ``accept``.
    :param push_urls: False keeps the gateway's URLs out of XCom. Default True.
    """

    template_fields: Sequence[str] = ("job_id", "save_to", "conn_id", "storage_conn_id")
    operator_extra_links = LINKS
    ui_color = "#e3f0d8"

    def __init__(
        self,
        *,
        job_id: str,
        save_to: str,
        conn_id: str = "orux_default",
        storage_conn_id: str | None = None,
        on_partial: OnPartial = "fail",
        push_urls: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.save_to = save_to
        self.conn_id = conn_id
        self.storage_conn_id = storage_conn_id
        self.on_partial: OnPartial = one_of("on_partial", on_partial, "fail", "accept")
        self.push_urls = push_urls
        self.link_facts: Mapping[str, Any] = {}
        if not is_mapped(self):
            text("job_id", job_id)
            text("save_to", save_to)

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch the job, save its artifacts, return the result."""
        from airflow_provider_orux.durable.delivery import Delivery
        from airflow_provider_orux.durable.shown import push_error
        from airflow_provider_orux.durable.waiting import deliver_ended
        from airflow_provider_orux.hooks.base import GatewayHook
        from airflow_provider_orux.lifecycle.advice import complete_free

        try:
            with GatewayHook.for_conn(self.conn_id) as hook:
                delivery = Delivery(
                    conn_id=self.conn_id,
                    connection=hook.connection,
                    context=context,
                    log=self.log,
                    save_to=self.save_to,
                    storage_conn_id=self.storage_conn_id,
                    on_partial=self.on_partial,
                    push_urls=self.push_urls,
                    outlets=self.outlets,
                )
                result = deliver_ended(delivery, hook, self.job_id)
        except OruxError as e:
            complete_free(e, submitter="the task that submitted the job")
            push_error(context, e, keep_urls=self.push_urls)
            raise_for_airflow(e, self.log)
        self.link_facts = result
        return result
