"""What to wait for, and what to do after each poll: continue, take the job, or give up. Worker and trigger share it."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_orux.lifecycle.schedule import PollSchedule
from airflow_provider_orux.models.errors import (
    ArtifactRejectedError,
    AuthenticationError,
    JobNotFoundError,
    JobTimeoutError,
    OruxError,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.registry import title_of

#: Failed polls in a row after which polling gives up: about 15 minutes, as the pauses grow.
MAX_FAILURES = 20
#: Longest pause after a failed poll, in seconds.
LONGEST_FAILURE_PAUSE = 60.0
#: Default of the connection's ``auth_grace``: seconds a refused key (401, 403) does not end the wait for a paid job.
AUTH_GRACE = 900.0
#: What is logged when a quarter more of a job is done.
PROGRESS = "Job %s: %d %% done"


@dataclass(frozen=True)
class Wait:
    """The job to wait for, and for how long. It travels through the metadata database: ids and numbers only.

    :param job_id: the job.
    :param deadline: epoch seconds after which to stop waiting.
    :param started: epoch seconds when the job was accepted.
    :param poll_interval: seconds between polls; None (default): the schedule decides.
    :param kind: what kind of job it is (``midjourney-v7:upscale``). Jobs of one kind take about the same time, so the
        first poll comes when the quickest of them can be done. None (default): unknown.
    :param push_urls: False: the event names the job only, and the worker asks for its URLs and texts: Airflow logs the
        event, and keeps it in the metadata database until the task resumes.
    """

    job_id: str
    deadline: float
    started: float
    poll_interval: float | None = None
    kind: str | None = None
    push_urls: bool = True


@dataclass(frozen=True)
class Continue:
    """Poll again after this many seconds.

    :param reload_connection: the key was refused: look the connection up again first.
    :param warn: a sentence worth a log line; None when nothing changed.
    :param reached: percent of the job that are done, where a quarter more is: worth a log line too.
    """

    seconds: float
    reload_connection: bool = False
    warn: str | None = None
    reached: int | None = None


@dataclass(frozen=True)
class Done:
    """The job ended."""

    job: Job


@dataclass(frozen=True)
class GiveUp:
    """Stop polling."""

    error: OruxError


@dataclass
class Quarters:
    """Which quarters of a job are done: 25, 50, 75 and 100 are told once each."""

    told: int = 0

    def reached(self, progress: int | None) -> int | None:
        """The quarter that a poll found to be done; None: no other than the last one.

        :param progress: percent; None: the gateway does not say.
        """
        quarter = (progress or 0) // 25 * 25
        if quarter <= self.told:
            return None
        self.told = quarter
        return quarter


@dataclass
class PollTracker:
    """The state of polling one job.

    :param job_id: the job.
    :param gateway: the gateway's name, for errors.
    :param deadline: epoch seconds.
    :param started: epoch seconds when the job was accepted.
    :param schedule: when to poll.
    :param auth_grace: seconds a refused key is tolerated. Default 15 minutes.
    :param not_found_grace: seconds after the start in which "unknown job" means "not indexed yet". Default 0.
    :param max_failures: failed polls in a row after which to give up. Default 20.
    """

    job_id: str
    gateway: str
    deadline: float
    started: float
    schedule: PollSchedule = field(default_factory=PollSchedule)
    auth_grace: float = AUTH_GRACE
    not_found_grace: float = 0.0
    max_failures: int = MAX_FAILURES
    polls: int = 0
    failures: int = 0
    refused_since: float | None = None
    quarters: Quarters = field(default_factory=Quarters)
    #: Why the last poll failed; None when it did not.
    last_error: OruxError | None = None

    def first_pause(self) -> float:
        """Seconds before the first poll."""
        return self.schedule.pause(age=0.0, polls=0)

    def saw(self, job: Job, *, now: float) -> Continue | Done | GiveUp:
        """A poll was answered."""
        self.polls += 1
        recovered = f"Polling of job {self.job_id} works again" if self.failures else None
        self.failures, self.refused_since, self.last_error = 0, None, None
        if job.status.is_terminal:
            return Done(job)
        return self._next(
            self.schedule.pause(age=now - self.started, polls=self.polls),
            now=now,
            warn=recovered,
            reached=self.quarters.reached(job.progress),
        )

    def failed(self, error: OruxError, *, now: float) -> Continue | GiveUp:
        """A poll was not answered, or not with a job."""
        self.polls += 1
        self.failures += 1
        self.last_error = error
        pause = max(
            min(self.schedule.pause(age=0.0, polls=1) * 2 ** min(self.failures, 10), LONGEST_FAILURE_PAUSE),
            min(error.retry_after or 0.0, 600.0),
        )
        if isinstance(error, ArtifactRejectedError):
            # The job ended, and its result will be no other on the next poll.
            error.job_id = self.job_id
            return GiveUp(error)
        if isinstance(error, JobNotFoundError):
            if now - self.started >= self.not_found_grace:
                return GiveUp(error)
            return self._next(min(pause, 10.0), now=now)
        if isinstance(error, AuthenticationError):
            self.refused_since = now if self.refused_since is None else self.refused_since
            if now - self.refused_since >= self.auth_grace:
                return GiveUp(self._left_alone(error, "the key was refused throughout"))
            warn = (
                f"Job {self.job_id} is paid for; the key is refused: {error.message}"
                if self.failures == 1
                else None
            )
            return self._next(pause, now=now, reload_connection=True, warn=warn)
        self.refused_since = None
        if self.failures >= self.max_failures:
            return GiveUp(self._left_alone(error, f"{self.failures} polls in a row failed"))
        warn = f"A poll of job {self.job_id} failed: {error.message}" if self.failures == 1 else None
        return self._next(pause, now=now, warn=warn)

    def _next(
        self,
        seconds: float,
        *,
        now: float,
        reload_connection: bool = False,
        warn: str | None = None,
        reached: int | None = None,
    ) -> Continue | GiveUp:
        left = self.deadline - now
        if left <= 0:
            return GiveUp(self.timed_out())
        return Continue(max(min(seconds, left), 0.05), reload_connection, warn, reached)

    def timed_out(self) -> JobTimeoutError:
        """The error of this job when its deadline passed."""
        return timed_out(self.job_id, self.gateway, polls_failed=self.failures, last_error=self.last_error)

    def _left_alone(self, error: OruxError, why: str) -> OruxError:
        error.job_id = self.job_id
        error.charged = "unknown"
        error.message = f"{error.message.rstrip('.')}; {why}. The job may still end"
        return error


def timed_out(
    job_id: str, gateway: str, *, polls_failed: int = 0, last_error: OruxError | None = None
) -> JobTimeoutError:
    """The error of a job that did not end before its deadline.

    :param polls_failed: how many of the last polls failed in a row: then it may have ended without being seen.
    :param last_error: of the last of them.
    """
    title = title_of(gateway) or "the gateway"
    if last_error is None:
        what = f"The job did not end before its timeout. It continues at {title} and may be charged"
    else:
        polls = "the last poll" if polls_failed == 1 else f"the last {polls_failed} polls"
        what = (
            f"The job did not visibly end before its timeout, and {polls} failed: {last_error.message.rstrip('.')}. "
            f"It may have ended at {title}, and be charged"
        )
    return JobTimeoutError(
        what,
        gateway=gateway or None,
        job_id=job_id,
    )
