"""``OruxJobSensor``: waits until a job has ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_orux.checked import CheckedOperator
from airflow_provider_orux.compat import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    conf,
)
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.lifecycle.polling import PROGRESS, Quarters, Wait
from airflow_provider_orux.links.artifact import LINKS
from airflow_provider_orux.models.arguments import is_mapped, text
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    GatewayUnavailableError,
    JobNotFoundError,
    OruxError,
    RateLimitedError,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_orux.hooks.base import GatewayHook
    from airflow_provider_orux.models.job import Job


class OruxJobSensor(CheckedOperator, BaseSensorOperator):
    """Wait for a job that another task submitted, without holding a worker.

    It returns the same result as a generating task (with the job's URLs; it saves nothing), and pushes ``job_id``,
    ``conn_id`` and ``urls``. It cannot submit: a job that failed fails the sensor at once, and the error names the
    task to clear.

    :param job_id: the job: ``submit.output["job_id"]`` (templated).
    :param conn_id: the Airflow connection of the gateway (templated). Default ``orux_default``.
    :param deferrable: wait in the triggerer instead of the worker. Default: ``[orux] deferrable``, True as shipped.
    :param poke_interval: seconds between polls, as for any sensor. Not given: the provider's schedule decides when
        deferrable, else Airflow's default of 60 s.
    :param timeout: seconds (or a timedelta) to wait, from the start of the sensor.

    The other arguments are those of Airflow's ``BaseSensorOperator``.
    """

    template_fields: Sequence[str] = ("job_id", "conn_id")
    operator_extra_links = LINKS
    ui_color = "#f3e6f5"

    def __init__(
        self,
        *,
        job_id: str,
        conn_id: str = "orux_default",
        deferrable: bool | None = None,
        poke_interval: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        if poke_interval is not None:
            kwargs["poke_interval"] = poke_interval
        super().__init__(**kwargs)
        self.job_id = job_id
        self.conn_id = conn_id
        self.deferrable = (
            conf.getboolean("orux", "deferrable", fallback=True) if deferrable is None else deferrable
        )
        self.poll_interval = self.poke_interval if poke_interval is not None else None
        self._submitter = getattr(getattr(job_id, "operator", None), "task_id", None)
        self.link_facts: Mapping[str, Any] = {}
        self._refused_since: float | None = None
        self._first_look: float | None = None
        self._quarters = Quarters()
        if not is_mapped(self):
            text("job_id", job_id)

    def execute(self, context: Context) -> Any:
        """Check once; then wait in the triggerer, or poke like any sensor."""
        context["ti"].xcom_push("job_id", self.job_id)
        context["ti"].xcom_push("conn_id", self.conn_id)
        if not self.deferrable:
            return super().execute(context)
        try:
            found = self.poke(context)
        except AirflowException as e:
            # As Airflow does with a poke that fails, and with a resume.
            if self.never_fail or (self.soft_fail and isinstance(e, AirflowFailException)):
                raise AirflowSkipException(f"Skipped instead of failed: {e}") from e
            raise
        if isinstance(found, PokeReturnValue):
            return found.xcom_value
        from airflow_provider_orux.durable.waiting import DEFERRAL_MARGIN
        from airflow_provider_orux.triggers.jobs import OruxJobTrigger

        now = time.time()
        wait = Wait(self.job_id, deadline=now + self.timeout, started=now, poll_interval=self.poll_interval)
        self.defer(
            trigger=OruxJobTrigger.of(self.conn_id, wait),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout + DEFERRAL_MARGIN),
        )

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Check the job once. A failed poll is not a failed job."""
        from airflow_provider_orux.hooks.base import GatewayHook

        self._first_look = self._first_look or time.monotonic()
        try:
            with GatewayHook.for_conn(self.conn_id) as hook:
                try:
                    job = hook.get_conn().poll(self.job_id, attempts=1)
                except (RateLimitedError, GatewayUnavailableError) as e:
                    self.log.warning("A poll of job %s failed, trying again: %s", self.job_id, e.message)
                    return False
                except AuthenticationError as e:
                    self._refused_since = self._refused_since or time.monotonic()
                    if time.monotonic() - self._refused_since > hook.connection.extra.auth_grace:
                        raise
                    self.log.warning("The key is refused, trying again: %s", e.message)
                    return False
                except JobNotFoundError:
                    # Some gateways index a job a moment after they accepted it.
                    if time.monotonic() - self._first_look >= hook.connection.gateway.not_found_grace:
                        raise
                    return False
                self._refused_since = None
                if not job.status.is_terminal:
                    if (reached := self._quarters.reached(job.progress)) is not None:
                        self.log.info(PROGRESS, self.job_id, reached)
                    return False
                return PokeReturnValue(is_done=True, xcom_value=self._ended(context, job, hook))
        except OruxError as e:
            self._fail(context, e)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Continue after the trigger fired."""
        from airflow_provider_orux.durable.waiting import job_of_event
        from airflow_provider_orux.hooks.base import GatewayHook

        try:
            with GatewayHook.for_conn(self.conn_id) as hook:
                job = job_of_event(hook.get_conn(), event, job_id=self.job_id, log=self.log)
                return self._ended(context, job, hook)
        except OruxError as e:
            self._fail(context, e)

    def on_kill(self) -> None:
        """Log that the job continues and will be charged."""
        self.log.warning(
            "The sensor was killed. Job %s continues at the gateway and will be charged.", self.job_id
        )

    def _ended(self, context: Context, job: Job, hook: GatewayHook) -> dict[str, Any]:
        from airflow_provider_orux.durable.delivery import Delivery
        from airflow_provider_orux.durable.waiting import raise_unless_succeeded

        raise_unless_succeeded(job, retry_may_pay=False)
        delivery = Delivery(conn_id=self.conn_id, connection=hook.connection, context=context, log=self.log)
        result = delivery.result(job)
        delivery.hand_over(result)
        self.link_facts = result
        return result

    def _fail(self, context: Context, error: OruxError) -> NoReturn:
        from airflow_provider_orux.durable.shown import push_error
        from airflow_provider_orux.lifecycle.advice import complete_free

        submitter = f"the task {self._submitter!r}" if self._submitter else "the task that submitted it"
        complete_free(error, submitter=submitter)
        push_error(context, error)
        raise_for_airflow(error, self.log)
