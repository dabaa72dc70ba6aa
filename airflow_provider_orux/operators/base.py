"""``OruxOperator``: the Airflow side of a paying task: arguments, deferral, rescheduling, errors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator

from airflow_provider_orux import compat
from airflow_provider_orux.checked import CheckedOperator, with_defaults
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.links.artifact import LINKS
from airflow_provider_orux.models import arguments
from airflow_provider_orux.models.arguments import one_of, seconds
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import OruxError, RateLimitedError
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.retry_policy import OruxRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_orux.durable.delivery import OnPartial
    from airflow_provider_orux.durable.job import DurableJob, Finished
    from airflow_provider_orux.durable.provenance import RecordPrompt
    from airflow_provider_orux.gateways.base import Gateway, Route
    from airflow_provider_orux.hooks.base import GatewayHook
    from airflow_provider_orux.lifecycle.ledger import OnAmbiguousSubmit, OnClear, OnRequestChanged
    from airflow_provider_orux.lifecycle.polling import Wait


class FreeRetries(int):
    """The default of ``retries``: the author set none, so no retry may pay."""


FREE_RETRIES = FreeRetries(max(3, compat.conf.getint("core", "default_task_retries", fallback=0)))


def unset_retries(given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults for a mapped task, whose arguments Airflow reads before there is an operator."""
    unset = compat.short_delays(given)
    if "retries" not in given:
        unset["retries"] = 0 if given.get("durable") is False else int(FREE_RETRIES)
        unset["free_retries"] = given.get("free_retries") in (None, True)
    return unset


class OruxOperator(CheckedOperator, BaseOperator):
    """The base of all operators that pay.

    A task instance pays at most once each time a person asks for it to run, whatever dies in between. A durable record
    (the ledger) decides what happens when it runs again; see the page "Errors and retries".

    :param conn_id: the Airflow connection of the gateway (templated). Default ``orux_default``; its type chooses
        the gateway.
    :param wait_for_completion: True (default): the task ends when the job has ended. False: it ends with the job id.
    :param deferrable: wait in the triggerer instead of the worker. Default: ``[orux] deferrable``, True as shipped.
    :param timeout: seconds (or a timedelta) to wait for the job, from its acceptance. Default 1 hour.
    :param poll_interval: seconds between polls. None (default): the schedule decides.
    :param save_to: folder for the artifacts, as an ObjectStoragePath URI (templated). None (default): not saved;
        a gateway's URLs expire within hours.
    :param storage_conn_id: the Airflow connection of the storage, if it needs one.
    :param extra_body: fields the vendor added after this version; sent unchanged (templated).
    :param durable: keep the ledger (default True). False: a retry pays again, if the author set ``retries``.
    :param on_ambiguous_submit: what to do when an earlier submission has no known answer: ``fail`` (default), or
        ``resubmit``: send it again, once, which may pay twice.
    :param on_clear: what a clear does with a known job. ``auto`` (default): pay for a new one if the task had
        succeeded, the job failed or expired, or the request changed since; else continue with it, or return its
        undelivered result. ``resubmit``: pay for a new one even if the old one runs. ``reattach``: never replace it.
    :param on_request_changed: what a retry, or a clear of an undelivered result, does if its request differs from the
        one that was submitted: ``fail`` (default), ``resubmit`` or ``reattach``.
    :param fingerprint_exclude: names of fields to ignore in that comparison.
    :param reuse: ``never`` (default), or ``always``: an earlier saved result of the same request, found by its content
        at ``[orux] results_path``, is returned without a charge. Needs ``save_to``.
    :param on_partial: when some artifacts cannot be saved: ``fail`` (default; a retry fetches the missing ones) or
        ``accept``.
    :param record_prompt: ``full`` (default), ``hash`` or ``none``: what the manifest holds of the author's texts.
    :param push_urls: False keeps the URLs out of XCom and of the manifest once the artifacts are saved. Default True.
    :param capacity_timeout: seconds (or a timedelta) to wait for a free slot at a full gateway. Default 24 hours.
    :param retries: how many times Airflow tries again. Default: 3 (or Airflow's ``default_task_retries``, if that is
        more), and none of them pays a second time.
    :param free_retries: True: no retry pays for a new job after one failed at the gateway. Default: True while
        ``retries`` is not set, else False.
    """

    template_fields: Sequence[str] = ("conn_id", "save_to", "storage_conn_id", "extra_body")
    template_fields_renderers: ClassVar[dict[str, str]] = {"extra_body": "json"}
    operator_extra_links = LINKS
    ui_color = "#e8e4f8"
    verb: ClassVar[str] = "generate"

    @arguments.checked
    def __init__(
        self,
        *,
        conn_id: str = "orux_default",
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        timeout: float | timedelta = 3600.0,
        poll_interval: float | None = None,
        save_to: str | None = None,
        storage_conn_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        durable: bool = True,
        on_ambiguous_submit: OnAmbiguousSubmit = "fail",
        on_clear: OnClear = "auto",
        on_request_changed: OnRequestChanged = "fail",
        fingerprint_exclude: Iterable[str] = (),
        reuse: str = "never",
        on_partial: OnPartial = "fail",
        record_prompt: RecordPrompt = "full",
        push_urls: bool = True,
        capacity_timeout: float | timedelta = 86_400.0,
        retries: int | None = FREE_RETRIES,
        free_retries: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.free_retries = isinstance(retries, FreeRetries) if free_retries is None else free_retries
        super().__init__(retries=retries, **kwargs)
        if self.free_retries and not durable and not arguments.is_mapped(self):
            self.retries = 0  # each retry would pay; one of a mapped task refuses when it runs
        self.conn_id = conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = (
            compat.conf.getboolean("orux", "deferrable", fallback=True) if deferrable is None else deferrable
        )
        self.timeout = seconds("timeout", timeout)
        self.poll_interval = None if poll_interval is None else seconds("poll_interval", poll_interval)
        self.save_to = save_to
        self.storage_conn_id = storage_conn_id
        self.extra_body = extra_body
        self.durable = durable
        self.on_ambiguous_submit = one_of("on_ambiguous_submit", on_ambiguous_submit, "fail", "resubmit")
        self.on_clear = one_of("on_clear", on_clear, "auto", "resubmit", "reattach")
        self.on_request_changed = one_of(
            "on_request_changed", on_request_changed, "fail", "resubmit", "reattach"
        )
        self.fingerprint_exclude = tuple(fingerprint_exclude)
        self.reuse = one_of("reuse", reuse, "never", "always")
        if reuse == "always" and not (save_to and wait_for_completion):
            arguments.refuse(
                "reuse",
                "reuse='always' needs save_to and wait_for_completion: URLs die and jobs are forgotten, so only saved "
                "results can be found again",
            )
        self.on_partial = one_of("on_partial", on_partial, "fail", "accept")
        self.record_prompt = one_of("record_prompt", record_prompt, "full", "hash", "none")
        self.push_urls = push_urls
        self.capacity_timeout = seconds("capacity_timeout", capacity_timeout)
        compat.set_short_delays(self, OruxRetryPolicy)
        # First: all callbacks together have 20 s, and until the mark is written a clear is free.
        self.on_success_callback = [mark_delivered, *self.on_success_callback]
        self._job: DurableJob | None = None
        self.link_facts: Mapping[str, Any] = {}

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """As for any operator. Airflow reads the ``retries`` of a mapped task here, before there is an instance."""
        arguments.check_partial(cls, kwargs)
        return super().partial(**{**kwargs, **unset_retries(with_defaults(kwargs))})

    def request_spec(self) -> RequestSpec:
        """What the arguments ask for."""
        raise NotImplementedError

    def check_arguments(self) -> None:
        """Refuse at parse time what is known to be wrong. Called at the end of each ``__init__``."""
        arguments.check_request(self)

    def build_request(self, hook: GatewayHook) -> GenerationRequest:
        """The validated request for the connection's gateway, from the rendered arguments."""
        return self.request_spec().build(among=hook.connection.gateway.requests)

    def route_wanted(self, gateway: Gateway) -> Route | None:
        """The route this operator prefers if a gateway has both; None: the connection's ``route``."""
        return None

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit (once), wait, save."""
        with self._durable_job(context) as (job, hook):
            return self._follow(job.start(), job, hook)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Continue after the trigger fired."""
        with self._durable_job(context) as (job, hook):
            return self._follow(job.resume(event), job, hook)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume even if the trigger crashed or the deferral timed out: check the job before giving up."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (compat.TaskDeferralError, compat.TaskDeferralTimeout) as e:
            self.log.warning("The deferral ended without an event (%s); checking the job itself", e)
        with self._durable_job(context) as (job, hook):
            return self._follow(job.resume_without_event(), job, hook)

    def on_kill(self) -> None:
        """Log what is paid for. The connection's ``cancel_on_kill`` cancels it where the gateway can."""
        if self._job is not None and (text := self._job.on_kill()) is not None:
            self.log.warning("%s", text)

    def _follow(self, step: Wait | Finished, job: DurableJob, hook: GatewayHook) -> dict[str, Any]:
        """Turn a step into a deferral or a result."""
        from airflow_provider_orux.durable.job import Finished
        from airflow_provider_orux.durable.waiting import DEFERRAL_MARGIN, wait_in_worker

        if not isinstance(step, Finished):
            self.link_facts = {"job_id": step.job_id, "conn_id": self.conn_id, "gateway": job.gateway.name}
            if self.deferrable:
                from airflow_provider_orux.triggers.jobs import OruxJobTrigger

                self.defer(
                    trigger=OruxJobTrigger.of(self.conn_id, step),
                    method_name="execute_complete",
                    timeout=timedelta(seconds=max(step.deadline - time.time(), 0.0) + DEFERRAL_MARGIN),
                )
            step = job.ended(wait_in_worker(hook, step, job.delivery.push_progress))
        self.link_facts = step.result
        return step.result

    @contextmanager
    def _durable_job(self, context: Context) -> Iterator[tuple[DurableJob, GatewayHook]]:
        """The job of this task instance; completes its errors and translates them for Airflow."""
        # Late: a DAG file is parsed all day, and none of this is needed for it.
        from airflow_provider_orux.durable.opening import JobSettings, complete_unread, open_job
        from airflow_provider_orux.hooks.base import GatewayHook

        self._job = None
        try:
            with GatewayHook.for_conn(self.conn_id) as hook:
                request = self.build_request(hook)
                route = self.route_wanted(hook.connection.gateway)
                settings = JobSettings.of(self)
                self._job = open_job(request, hook, context, settings, route=route, log=self.log)
                yield self._job, hook
        except OruxError as e:
            if self._job is not None:
                self._job.complete(e)
            else:
                complete_unread(e, context, durable=self.durable, record_prompt=self.record_prompt)
            if isinstance(e, RateLimitedError):
                # At a submission nothing was accepted: else the error would be ambiguous. A polled job goes on.
                self._reschedule(e, context)
            raise_for_airflow(e, self.log)

    def _reschedule(self, error: RateLimitedError, context: Context) -> NoReturn:
        """Reschedule the task because the gateway is full, without using a retry."""
        from airflow_provider_orux.durable.waiting import comes_back_at

        at = comes_back_at(error, context, longest=self.capacity_timeout, conn_id=self.conn_id, log=self.log)
        if at is None:
            raise_for_airflow(error, self.log)
        raise compat.AirflowRescheduleException(at) from error


def mark_delivered(context: Context) -> None:
    """An ``on_success_callback``; see ``durable/delivered.py``."""
    from airflow_provider_orux.durable.delivered import on_success

    on_success(context)
