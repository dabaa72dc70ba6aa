"""``OruxSubmitJobOperator``: any model, any kind. ``OruxSaveArtifactsOperator``: save what a job made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.links.artifact import OruxArtifactLink
from airflow_provider_orux.models.errors import InvalidRequestError, OruxError
from airflow_provider_orux.operators.paid import PaidOperator, one_of
from airflow_provider_orux.operators.specs import generation_spec, spec_of
from airflow_provider_orux.operators.templates import is_mapped, is_pending

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_orux.gateways.base import Gateway, Route
    from airflow_provider_orux.models.requests import GenerationRequest


class OruxSubmitJobOperator(PaidOperator):
    """Submit an asynchronous job for any model: image, song, clip.

    :param model: the model's id, like ``suno-v5`` (templated).
    :param prompt: what to make (templated).
    :param options: the model's other fields (templated).
    :param request: instead of model, prompt and options: one typed request, or ``CustomRequest(name=…, body={…})``
        for a model whose fields this version does not know (all of Orux AI's video models).

    The other arguments are those of :class:`~airflow_provider_orux.operators.paid.PaidOperator`; with
    ``wait_for_completion=False`` the task returns at once with the job id, for a sensor.

    :raises InvalidRequestError: a field is wrong; the message names it, what is allowed and the nearest right name.
    """

    template_fields: Sequence[str] = ("model", "prompt", "options", "request", *PaidOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "options": "json",
        "request": "json",
        **PaidOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        model: str | None = None,
        prompt: str | None = None,
        options: Mapping[str, Any] | None = None,
        request: GenerationRequest | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.prompt = prompt
        self.options = options
        self.request = spec_of(request)
        self.check_arguments()

    def request_spec(self) -> dict[str, Any]:
        """Model, verb and fields, from ``request`` or from ``model``, ``prompt`` and ``options``."""
        return generation_spec(
            model=self.model,
            prompt=self.prompt,
            options=self.options,
            request=self.request,
            extra_body=self.extra_body,
        )

    def route_wanted(self, gateway: Gateway) -> Route | None:
        """Always the asynchronous way: this operator submits a job."""
        return "tasks"


class OruxSaveArtifactsOperator(BaseOperator):
    """Save the artifacts of a job that another task submitted. It pays nothing: clear it as often as you like.

    :param job_id: the job: ``submit.output["job_id"]`` (templated). It must have ended: put a sensor before it.
    :param save_to: folder for the artifacts, as an ObjectStoragePath URI (templated).
    :param conn_id: the Airflow connection of the gateway (templated). Default ``orux_default``.
    :param storage_conn_id: the Airflow connection of the storage, where it needs one.
    :param on_partial: ``fail`` (default; a retry fetches the missing ones) or ``accept``.
    :param push_urls: False keeps the gateway's links out of XCom. Default True.
    """

    template_fields: Sequence[str] = ("job_id", "save_to", "conn_id", "storage_conn_id")
    operator_extra_links = (OruxArtifactLink(),)
    ui_color = "#e3f0d8"

    def __init__(
        self,
        *,
        job_id: str,
        save_to: str,
        conn_id: str = "orux_default",
        storage_conn_id: str | None = None,
        on_partial: str = "fail",
        push_urls: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.save_to = save_to
        self.conn_id = conn_id
        self.storage_conn_id = storage_conn_id
        self.on_partial = one_of("on_partial", on_partial, "fail", "accept")
        self.push_urls = push_urls
        self.artifact_link: str | None = None
        if not is_mapped(self):
            for name in ("job_id", "save_to"):
                value = getattr(self, name)
                if not is_pending(value) and not (isinstance(value, str) and value.strip()):
                    raise InvalidRequestError(
                        f"`{name}` is {value!r}", param=name, charged="no", next_step="Correct the argument."
                    )

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch the job, save its artifacts, return the result."""
        try:
            return self._save(context)
        except OruxError as e:
            raise_for_airflow(e)

    def _save(self, context: Context) -> dict[str, Any]:
        from airflow_provider_orux.hooks.base import GatewayHook
        from airflow_provider_orux.operators.identity import TaskIdentity
        from airflow_provider_orux.operators.result import build_result, first_link, push_job, push_result
        from airflow_provider_orux.operators.saving import announce, provenance, storage_settings
        from airflow_provider_orux.operators.waiting import raise_unless_succeeded
        from airflow_provider_orux.storage import check_destination, save_job

        check_destination(self.save_to, conn_id=self.storage_conn_id)
        with GatewayHook.for_conn(self.conn_id) as hook:
            push_job(context["ti"], job_id=self.job_id, conn_id=self.conn_id)
            job = hook.get_job(self.job_id)
            if not job.status.is_terminal:
                raise InvalidRequestError(
                    f"Job {self.job_id} has not ended (it is {job.status.value})",
                    gateway=job.gateway,
                    job_id=job.job_id,
                    next_step="No retry is used. Put an OruxJobSensor before this task, then clear it, which pays "
                    "nothing.",
                )
            raise_unless_succeeded(job, submitter="the task that submitted the job")
            saved = save_job(
                job,
                self.save_to,
                settings=storage_settings(hook.connection),
                provenance=provenance(
                    job=job,
                    conn_id=self.conn_id,
                    host=hook.connection.client.host,
                    identity=TaskIdentity.of(context),
                ),
                conn_id=self.storage_conn_id,
                on_partial=self.on_partial,
                record_urls=self.push_urls,
            )
        result = build_result(
            job=job,
            conn_id=self.conn_id,
            artifacts=[a.to_dict() for a in saved.artifacts],
            manifest=saved.manifest,
            push_urls=self.push_urls,
        )
        announce(self.outlets, context, result)
        push_result(context["ti"], result)
        self.artifact_link = first_link(result)
        return result
