"""``PaidOperator``: everything that submits something that costs money, on the ledger."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralError, TaskDeferralTimeout

from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.links.artifact import OruxArtifactLink
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.errors import InvalidRequestError, OruxError, RateLimitedError
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.counters import count
from airflow_provider_orux.operators.templates import is_mapped, is_pending
from airflow_provider_orux.policies.retry import OruxRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_orux.gateways.base import Gateway, Route
    from airflow_provider_orux.hooks.base import GatewayHook
    from airflow_provider_orux.lifecycle.ledger import OnAmbiguousSubmit, OnClear, OnRequestChanged
    from airflow_provider_orux.operators.saving import RecordPrompt
    from airflow_provider_orux.operators.submission import Submission

DEFAULT_TIMEOUT = 3600.0
"""Seconds from acceptance."""
LONGEST_CAPACITY_PAUSE = 150.0
"""Seconds: the cap of the backoff at a full gateway."""


class PaidOperator(BaseOperator):
    """The base of the operators that submit something that costs money.

    One task instance submits at most once per run of it that a person wants, whatever dies in between. What happens
    when it runs again is decided from a durable record (the ledger), see the page "Errors and retries".

    :param conn_id: the Airflow connection of the gateway (templated). Default ``orux_default``; its type chooses
        the gateway.
    :param wait_for_completion: True (default): the task ends when the job has ended. False: it ends with the job id.
    :param deferrable: wait in the triggerer instead of the worker. Default: ``[orux] deferrable``, True as shipped.
    :param timeout: seconds (or a timedelta) from acceptance until the job is no longer waited for. Default 1 hour.
    :param poll_interval: seconds between polls. None (default): the schedule decides.
    :param save_to: folder for the artifacts, as an ObjectStoragePath URI (templated). None (default): not saved;
        the links of a gateway die within hours.
    :param storage_conn_id: the Airflow connection of the storage, where it needs one.
    :param extra_body: fields that the vendor added after this version was made; sent as they are (templated).
    :param durable: keep the ledger (default True). False: a retry pays again.
    :param on_ambiguous_submit: what to do when an earlier submission has no known answer: ``fail`` (default), or
        ``resubmit``, which may pay twice.
    :param max_ambiguous_resubmits: how often, at most. Default 1.
    :param on_clear: what a clear does with a job that was submitted: ``auto`` (default): go on with one that runs or
        succeeded but was not saved, ask for a new one when it was finished or failed; ``resubmit``: always pay for a
        new one; ``reattach``: never.
    :param on_request_changed: what a retry does when it renders another request than the one that was submitted:
        ``fail`` (default), ``resubmit`` or ``reattach``.
    :param fingerprint_exclude: names of fields that do not count as a change.
    :param reuse: ``never`` (default), or ``always``: an earlier saved result of the same request, found by its content
        at ``[orux] results_path``, is returned without a charge. Needs ``save_to``.
    :param on_partial: when some artifacts cannot be saved: ``fail`` (default; a retry fetches the missing ones) or
        ``accept``.
    :param record_prompt: ``full`` (default) or ``hash``: what the manifest holds of the prompt.
    :param push_urls: False keeps the links out of XCom and of the manifest once the artifacts are saved. Default True.
    :param cancel_on_kill: cancel the job when the task is killed, where the gateway can. None of the three documents a
        way, so today the killed task says what goes on and is charged, whatever is chosen here. Default True.
    :param capacity_timeout: seconds (or a timedelta) to wait for a free slot at a full gateway. Default 24 hours.
    """

    template_fields: Sequence[str] = ("conn_id", "save_to", "storage_conn_id", "extra_body")
    template_fields_renderers: ClassVar[dict[str, str]] = {"extra_body": "json"}
    operator_extra_links = (OruxArtifactLink(),)
    ui_color = "#e8e4f8"

    verb: ClassVar[str] = "generate"
    request_fields: ClassVar[tuple[str, ...]] = ()
    """Arguments of the operator that are fields of the request."""

    def __init__(
        self,
        *,
        conn_id: str = "orux_default",
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        poll_interval: float | None = None,
        save_to: str | None = None,
        storage_conn_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        durable: bool = True,
        on_ambiguous_submit: OnAmbiguousSubmit = "fail",
        max_ambiguous_resubmits: int = 1,
        on_clear: OnClear = "auto",
        on_request_changed: OnRequestChanged = "fail",
        fingerprint_exclude: Iterable[str] = (),
        reuse: str = "never",
        on_partial: str = "fail",
        record_prompt: RecordPrompt = "full",
        push_urls: bool = True,
        cancel_on_kill: bool = True,
        capacity_timeout: float | timedelta = 86_400.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = (
            conf.getboolean("orux", "deferrable", fallback=True) if deferrable is None else deferrable
        )
        self.timeout = seconds("timeout", timeout)
        self.poll_interval = None if poll_interval is None else seconds("poll_interval", poll_interval)
        self.save_to = save_to
        self.storage_conn_id = storage_conn_id
        self.extra_body = extra_body
        self.durable = durable
        self.on_ambiguous_submit = one_of("on_ambiguous_submit", on_ambiguous_submit, "fail", "resubmit")
        self.max_ambiguous_resubmits = max_ambiguous_resubmits
        self.on_clear = one_of("on_clear", on_clear, "auto", "resubmit", "reattach")
        self.on_request_changed = one_of(
            "on_request_changed", on_request_changed, "fail", "resubmit", "reattach"
        )
        self.fingerprint_exclude = tuple(fingerprint_exclude)
        self.reuse = one_of("reuse", reuse, "never", "always")
        if reuse == "always" and not (save_to and wait_for_completion):
            raise InvalidRequestError(
                "reuse='always' needs save_to and wait_for_completion: links die and jobs are forgotten, so only saved "
                "results can be found again",
                param="reuse",
                charged="no",
                next_step="Correct the argument.",
            )
        self.on_partial = one_of("on_partial", on_partial, "fail", "accept")
        self.record_prompt = one_of("record_prompt", record_prompt, "full", "hash")
        self.push_urls = push_urls
        self.cancel_on_kill = cancel_on_kill
        self.capacity_timeout = seconds("capacity_timeout", capacity_timeout)
        own_backoff = self.retry_exponential_backoff or self.max_retry_delay is not None
        if self.retry_policy is None and self.retry_delay == BaseOperator.retry_delay and not own_backoff:
            self.retry_policy = OruxRetryPolicy()
        self._under_way: Submission | None = None
        self.artifact_link: str | None = None

    # -- the request ------------------------------------------------------------------------------------
    def request_spec(self) -> dict[str, Any]:
        """Model, verb, fields and extra_body of the request, from the arguments."""
        fields = {
            name: getattr(self, name) for name in self.request_fields if getattr(self, name) is not None
        }
        spec: dict[str, Any] = {"model": getattr(self, "model", None), "verb": self.verb, "fields": fields}
        if self.extra_body:
            spec["extra_body"] = dict(self.extra_body)
        return spec

    def check_arguments(self) -> None:
        """Check what is known while the DAG file is parsed. Called at the end of each ``__init__``.

        :raises InvalidRequestError: a value that is known already is wrong.
        """
        if is_mapped(self):
            return  # it is running: execute() checks, and fails the task without using its retries
        spec = self.request_spec()
        if is_pending(spec["model"]) or is_pending(spec["verb"]) or not isinstance(spec["fields"], Mapping):
            return
        pending = {name for name, value in spec["fields"].items() if is_pending(value)}
        extra = spec.get("extra_body")
        catalogue.check_known(
            model=spec["model"],
            verb=spec["verb"],
            fields={n: v for n, v in spec["fields"].items() if n not in pending},
            pending=pending,
            extra_body=None if is_pending(extra) else extra,
            custom=bool(spec.get("custom")),
        )

    def build_request(self, hook: GatewayHook) -> GenerationRequest:
        """The validated request for the connection's gateway, from the rendered arguments."""
        return catalogue.rebuild(self.request_spec(), among=hook.connection.gateway.requests)

    # -- running ----------------------------------------------------------------------------------------
    def execute(self, context: Context) -> dict[str, Any]:
        """Submit (once), wait, save."""
        return self._carry_out(context, lambda submission: submission.run())

    def resume(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on after the trigger fired."""
        return self._carry_out(context, lambda submission: submission.go_on(event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Also after the trigger crashed or the deferral timed out: look at the job before giving it up."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralError, TaskDeferralTimeout) as e:
            self.log.warning("The deferral ended without an event (%s); looking at the job itself", e)
        return self._carry_out(context, lambda submission: submission.look_once())

    def on_kill(self) -> None:
        """Say the truth about what is paid for: none of the gateways documents a way to cancel a job."""
        told = self._under_way.when_killed() if self._under_way is not None else None
        if told is not None:
            self.log.warning("%s", told)

    def route_wanted(self, gateway: Gateway) -> Route | None:
        """The way that this operator prefers where a gateway has a synchronous and an asynchronous one.

        None: the connection's ``route``.
        """
        return None

    def _hook(self) -> GatewayHook:
        from airflow_provider_orux.hooks.base import GatewayHook

        return GatewayHook.for_conn(self.conn_id)

    def _carry_out(self, context: Context, do: Callable[[Submission], dict[str, Any]]) -> dict[str, Any]:
        from airflow_provider_orux.operators.submission import Submission

        self._under_way = None
        try:
            with self._hook() as hook:
                self._under_way = Submission(self, context, hook)
                return do(self._under_way)
        except OruxError as e:
            if self._under_way is not None:
                self._under_way.explain(e)
            elif self.durable:
                self._name_earlier_job(e, context)
            self._translate(e, context)

    def _name_earlier_job(self, error: OruxError, context: Context) -> None:
        """Before the ledger was read, say what it holds: the error may be about a job that is paid for."""
        from airflow_provider_orux.operators.ledger_store import LedgerStore
        from airflow_provider_orux.operators.next_steps import recall

        store = context.get("task_state_store")
        record = LedgerStore(store, log=self.log).glance() if store is not None else None
        if record is not None:
            recall(error, record)

    def _translate(self, error: OruxError, context: Context) -> NoReturn:
        if isinstance(error, RateLimitedError):
            # At a submission nothing was accepted (else it were ambiguous); at a look the job simply goes on.
            self._reschedule(error, context)
        raise_for_airflow(error)

    def _reschedule(self, error: RateLimitedError, context: Context) -> NoReturn:
        """A full gateway: give the worker back, come again, and use no retry."""
        times = int(context.get("task_reschedule_count") or 0)
        first = context["ti"].get_first_reschedule_date(context)
        now = datetime.now(tz=timezone.utc)
        waited = (now - first).total_seconds() if first is not None else 0.0
        if waited > self.capacity_timeout:
            error.message = f"No slot became free for {waited:.0f} s (capacity_timeout). {error.message}"
            if error.job_id is None:
                error.next_step = f"Nothing was accepted or charged. {error.next_step}"
            raise_for_airflow(error)
        pause = min(5.0 * 2 ** min(times, 10), LONGEST_CAPACITY_PAUSE)
        pause = max(pause * random.uniform(0.8, 1.2), min(error.retry_after or 0.0, 3600.0))  # noqa: S311
        if times == 0:
            self.log.info(
                "Tip: a pool with include_deferred=True and as many slots as the account has keeps tasks from "
                "meeting a full gateway. `airflow orux pool %s` makes it; see the page 'Pools' of the provider's "
                "documentation.",
                self.conn_id,
            )
        count("orux.rescheduled", gateway=error.gateway or "")
        self.log.warning("%s Rescheduled in %.0f s; no retry is used.", error.message, pause)
        when = now + timedelta(seconds=pause)
        raise AirflowRescheduleException(when) from error


def seconds(name: str, value: float | timedelta) -> float:
    """A duration as seconds.

    :raises InvalidRequestError: it is not a positive number or timedelta.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidRequestError(
            f"`{name}` is {value!r}; it must be a positive number of seconds or a timedelta",
            param=name,
            charged="no",
            next_step="Correct the argument.",
        )
    return float(value)


def one_of(name: str, value: Any, *allowed: str) -> Any:
    """One of the allowed words.

    :raises InvalidRequestError: it is another one.
    """
    if value not in allowed:
        raise InvalidRequestError(
            f"`{name}` is {value!r}; allowed: {', '.join(allowed)}",
            param=name,
            charged="no",
            next_step="Correct the argument.",
        )
    return value
