"""``Delivery``: from an ended job to the result of its task: price, artifacts, manifest, XComs, asset events."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_orux.compat import conf
from airflow_provider_orux.durable import shown
from airflow_provider_orux.durable.asset_events import add_asset_events
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.durable.inputs import with_input_files
from airflow_provider_orux.durable.pricing import priced
from airflow_provider_orux.durable.provenance import (
    RecordPrompt,
    as_handed_over,
    provenance,
    with_shown_details,
    without_texts,
)
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.metrics import count
from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactURLExpiredError,
    InvalidRequestError,
    JobExpiredError,
    JobFailedError,
    OruxError,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.listed import ListedRequest
from airflow_provider_orux.models.requests import GenerationRequest

if TYPE_CHECKING:
    from airflow_provider_orux.hooks.connection import GatewayConnection
    from airflow_provider_orux.storage import SavedJob, StorageSettings

OnPartial = Literal["fail", "accept"]

#: Images that came inside an answer exist only in this process: saving them is tried more than once.
INLINE_SAVE_TRIES = 4
#: Seconds between these tries.
INLINE_SAVE_PAUSE = 3.0
#: What a gateway may add to a result; each is an XCom key of its own. See ``Job.details``.
DETAILS_OF_A_JOB = ("prompts", "buttons", "request_id")
#: The keys of a task's result.
RESULT_KEYS = (
    "job_id", "conn_id", "status", "model", "gateway", "charged", "price", "currency", "requested", "returned",
    "artifacts", "manifest", "text", *DETAILS_OF_A_JOB,
)  # fmt: skip


class Delivery:
    """What a task does with storage, XComs and asset events.

    :param conn_id: the gateway's Airflow connection.
    :param connection: the same, read.
    :param context: the task's context.
    :param save_to: folder for the artifacts; None: they are not saved.
    :param storage_conn_id: the Airflow connection of the storage.
    :param outlets: the task's outlets; an ``AssetAlias`` among them gets an event for each saved artifact.
    """

    def __init__(
        self,
        *,
        conn_id: str,
        connection: GatewayConnection,
        context: Any,
        log: Any,
        save_to: str | None = None,
        storage_conn_id: str | None = None,
        on_partial: OnPartial = "fail",
        record_prompt: RecordPrompt = "full",
        push_urls: bool = True,
        outlets: Sequence[Any] = (),
    ) -> None:
        self.conn_id = conn_id
        self.connection = connection
        self.save_to = save_to
        self.storage_conn_id = storage_conn_id
        self.on_partial: OnPartial = on_partial
        self.record_prompt: RecordPrompt = record_prompt
        self.push_urls = push_urls
        self.outlets = outlets
        self._context = context
        self._log = log

    # -- before it is paid for ------------------------------------------------------------------------------
    def check(self, request: GenerationRequest, *, waits_for_result: bool) -> None:
        """Check before paying that the artifacts have somewhere to go.

        :raises InvalidRequestError: they come as bytes inside the answer, and nothing is saved.
        :raises ConfigurationError: the destination cannot be used.
        :raises DestinationError: the destination does not answer.
        """
        if self.save_to:
            from airflow_provider_orux.storage import check_destination

            check_destination(self.save_to, conn_id=self.storage_conn_id)
        elif request.makes_inline and waits_for_result:
            raise InvalidRequestError(
                f"The images of {request.label()} come as bytes inside the answer, and without save_to they would have "
                "nowhere to go (never into an XCom)",
                gateway=self.connection.gateway.name,
                param="save_to",
                charged="no",
                next_step="Set save_to, or response_format='url' where the model has it.",
            )

    def read_inputs(self, request: GenerationRequest) -> GenerationRequest:
        """The request as it is sent, with its input files. (In the fingerprint they stand as their paths and URIs.)"""
        if not (request.image_fields() or request.fetched_fields() or isinstance(request, ListedRequest)):
            return request
        return with_input_files(
            request, self._context, settings=self._storage_settings(), conn_id=self.storage_conn_id
        )

    @property
    def tells_the_trigger(self) -> bool:
        """Whether a trigger's event may hold URLs and the gateway's words: an error message may quote the prompt."""
        return self.push_urls and self.record_prompt == "full"

    def private(self, message: str, request: GenerationRequest) -> str:
        """A message as it may be logged: with ``record_prompt`` other than ``full``, without the author's texts."""
        return message if self.record_prompt == "full" else without_texts(message, request)

    # -- once the job has ended -----------------------------------------------------------------------------
    def saves(self, job: Job) -> bool:
        """Whether this job's artifacts will be saved."""
        return bool(self.save_to and job.artifacts)

    def deliver(
        self,
        job: Job,
        *,
        request: GenerationRequest | None = None,
        repeatable: bool = True,
        facts: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The result of a job that succeeded; its artifacts are saved where ``save_to`` says.

        :param request: what was asked for, where this task knows it.
        :param repeatable: whether the gateway can be asked for the job again: not for a synchronous generation.
        :param facts: more for the manifest.
        :raises JobFailedError: it made nothing, or images that have nowhere to go.
        :raises ArtifactError: artifacts could not be saved.
        """
        job = priced(job, request, connection=self.connection, conn_id=self.conn_id, log=self._log)
        job = as_handed_over(job, request, record_prompt=self.record_prompt, keep_urls=self.push_urls)
        requested = request.count if request is not None else None
        if requested is not None and len(job.artifacts) < requested:
            self._log.warning(
                "%d of %d artifacts were returned (the gateway's moderation may hold some back); job %s",
                len(job.artifacts),
                requested,
                job.job_id,
            )
        if self.save_to and job.text is not None:
            repeatable = (
                repeatable or not job.artifacts
            )  # the ledger holds a text, also of a synchronous call
            job = job.with_text_saved()
        if not job.artifacts and job.text is None:
            raise JobFailedError(
                "The job succeeded, but the gateway returned no artifact",
                gateway=job.gateway,
                job_id=job.job_id,
                charged=job.charged,
                retry_helps=False,
            )
        if not self.saves(job):
            if job.has_inline:
                raise nowhere_to_go(job)
            return self.result(job, request=request)
        saved = self._save(job, self._provenance(job, request, facts or {}), repeatable=repeatable)
        self._log.info(
            "Saved %d artifact%s (%d bytes) of job %s; manifest: %s",
            len(saved.artifacts),
            "" if len(saved.artifacts) == 1 else "s",
            sum(a.bytes for a in saved.artifacts),
            job.job_id,
            saved.manifest,
        )
        return self.result(job, request=request, saved=saved)

    def accepted(self, job: Job, request: GenerationRequest) -> dict[str, Any]:
        """The result of a task that does not wait. It alone knows what was asked for, and so what that costs."""
        job = priced(job, request, connection=self.connection, conn_id=self.conn_id, log=self._log)
        return self.result(job, request=request)

    def result(
        self, job: Job, *, request: GenerationRequest | None = None, saved: SavedJob | None = None
    ) -> dict[str, Any]:
        """The small JSON value that a task returns: ids, URLs and facts, never bytes."""
        job = with_shown_details(job, record_prompt=self.record_prompt, keep_urls=self.push_urls)
        if saved is None:
            items: list[dict[str, Any]] = [{"uri": None, "url": a.url, **a.details} for a in job.artifacts]
        else:
            items = [dict(a.to_dict()) for a in saved.artifacts]
            if not self.push_urls:
                items = [{**item, "url": None} for item in items]
        result: dict[str, Any] = {
            "job_id": job.job_id,
            "conn_id": self.conn_id,
            "status": job.status.value,
            "model": job.model or (request.model_id if request is not None else None),
            "gateway": job.gateway,
            "charged": job.charged,
            "price": job.price if job.price is not None and math.isfinite(job.price) else None,
            "currency": job.currency,
            "requested": request.count if request is not None else None,
            "returned": len(items),
            "artifacts": items,
            "manifest": saved.manifest if saved is not None else None,
        }
        if job.text is not None:
            result["text"] = job.text
        return result | {name: job.details[name] for name in DETAILS_OF_A_JOB if job.details.get(name)}

    # -- to Airflow -----------------------------------------------------------------------------------------
    def push_job(
        self, job_id: str, *, request: GenerationRequest | None = None, record: Record | None = None
    ) -> None:
        """Push what a follow-up needs, before the task defers: the XComs of an earlier try are gone."""
        self._context["ti"].xcom_push("job_id", job_id)
        self._context["ti"].xcom_push("conn_id", self.conn_id)
        self._show(job_id, request=request, record=record)

    def push_error(self, error: OruxError, *, record: Record | None) -> None:
        """Push the error for the gallery, without what the author wants kept out."""
        shown.push_error(self._context, error, keep_urls=self.push_urls, record=record)

    def push_progress(self, job_id: str, percent: int) -> None:
        """Push for the gallery how much of the job is done."""
        shown.push_progress(self._context, job_id, percent)

    def pushed_job(self) -> str | None:
        """The job id that this try pushed before it deferred."""
        ti = self._context["ti"]
        value = ti.xcom_pull(task_ids=ti.task_id, key="job_id", map_indexes=ti.map_index)
        return str(value) if value else None

    def hand_over(
        self,
        result: Mapping[str, Any],
        *,
        request: GenerationRequest | None = None,
        record: Record | None = None,
    ) -> None:
        """Add the asset events, and push the result's parts: ``op.output["urls"]`` reads the XCom key ``urls``.

        :param record: of the ledger as it was while the job ran.
        """
        add_asset_events(self._context, self.outlets, result, log=self._log)
        self._show(result["job_id"], request=request, record=record, result=result)
        # Counted by the task that pays: a sensor, and who saves, see the same job, and may be cleared for nothing.
        fresh = request is not None and (record is None or record.state is State.SUBMITTED)
        if fresh and result.get("price") and result["charged"] != "no":
            currency = str(result.get("currency") or "")
            count("orux.spent", by=result["price"], gateway=result["gateway"], currency=currency)
        names = ("job_id", "conn_id", "artifacts", "text", *DETAILS_OF_A_JOB)
        parts = {name: result[name] for name in names if result.get(name) is not None}
        for kind in ("url", "uri"):
            parts[f"{kind}s"] = [item[kind] for item in result["artifacts"] if item.get(kind)]
        for name, part in parts.items():
            self._context["ti"].xcom_push(name, part)

    def _show(self, job_id: str, **known: Any) -> None:
        gateway = self.connection.gateway.name
        shown.push_job(self._context, job_id=job_id, conn_id=self.conn_id, gateway=gateway, **known)

    # -- saving ---------------------------------------------------------------------------------------------
    def _save(self, job: Job, provenance: Mapping[str, Any], *, repeatable: bool) -> SavedJob:
        from airflow_provider_orux.storage import save_job

        tries = INLINE_SAVE_TRIES if job.has_inline else 1
        while True:
            tries -= 1
            try:
                return save_job(
                    job,
                    str(self.save_to),
                    settings=self._storage_settings(),
                    provenance=provenance,
                    conn_id=self.storage_conn_id,
                    on_partial=self.on_partial,
                    record_urls=self.push_urls,
                )
            except ArtifactURLExpiredError as e:
                e.final = not repeatable  # another poll of a job gives fresh URLs, free of charge
                raise
            except ArtifactError as e:
                if e.final or not job.has_inline or (tries <= 0 and repeatable):
                    raise  # a job can be asked again, and its answer holds the images again
                if tries <= 0:
                    raise JobExpiredError(
                        f"The images were inside the answer and could not be saved: {e.message}. They are lost",
                        gateway=job.gateway,
                        job_id=job.job_id,
                        charged="yes",
                        retry_helps=False,
                        next_step="Fix the storage. With response_format='url' a failed save costs nothing.",
                    ) from e
                self._log.warning(
                    "Saving failed (%s); trying again, because only this process has the images", e.message
                )
                time.sleep(INLINE_SAVE_PAUSE)

    def _provenance(
        self, job: Job, request: GenerationRequest | None, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the manifest says of how the artifacts came to be."""
        value = provenance(
            job, request, identity=TaskIdentity.of(self._context), record_prompt=self.record_prompt
        )
        return {**value, "host": self.connection.client.host, "conn_id": self.conn_id, **facts}

    def _storage_settings(self) -> StorageSettings:
        """How artifacts are fetched: the connection's limits, proxy and certificates, never its key."""
        from airflow_provider_orux.storage import StorageSettings

        extra = self.connection.extra
        return StorageSettings(
            allow_private_hosts=extra.allow_private_hosts,
            max_artifact_mib=extra.max_artifact_mib,
            max_pixels=extra.max_pixels,
            max_artifacts=extra.max_artifacts,
            max_job_mib=extra.max_job_mib,
            save_timeout=extra.save_timeout,
            connect_timeout=extra.connect_timeout,
            read_timeout=max(extra.read_timeout, 60.0),
            proxy=extra.proxy,
            strict_proxy=extra.strict_proxy,
            ca_path=extra.ca_path,
            thumbnails=conf.getboolean("orux", "thumbnails", fallback=True),
        )


def is_result(value: Mapping[str, Any]) -> bool:
    """Whether a value that was stored is a result of ours: it can be handed over."""
    items = value.get("artifacts")
    return (
        isinstance(value.get("job_id"), str)
        and isinstance(value.get("conn_id"), str)
        and "manifest" in value
        and isinstance(items, list)
        and all(isinstance(item, dict) for item in items)
    )


def nowhere_to_go(job: Job) -> JobFailedError:
    """The error of images that came as bytes, in a task that saves nothing."""
    return JobFailedError(
        "The gateway put the images into its answer instead of URLs, and without save_to they have nowhere to go "
        "(never into an XCom)",
        gateway=job.gateway,
        job_id=job.job_id,
        charged=job.charged,
        retry_helps=False,
        next_step="Set save_to.",
    )
