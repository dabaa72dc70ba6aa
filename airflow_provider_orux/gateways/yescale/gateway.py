"""YEScale: which family handles which request and job.

Sources: those of YEScale's pages that can be read, and the names of the others (documented); clients written against it
(observed); new-api, midjourney-proxy and sibling gateways (inferred). The account and its balance are on another host
with another key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from airflow_provider_orux.gateways.answers import at, number_of
from airflow_provider_orux.gateways.base import Gateway, Route
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose, named_job
from airflow_provider_orux.gateways.yescale import errors
from airflow_provider_orux.gateways.yescale.chat import generate_chat, read_chat
from airflow_provider_orux.gateways.yescale.family import JobFamily, split_handle
from airflow_provider_orux.gateways.yescale.images import (
    edit_image,
    generate_ideogram,
    generate_image,
    read_images,
)
from airflow_provider_orux.gateways.yescale.kling import KlingImages, KolorsTryOn
from airflow_provider_orux.gateways.yescale.media import Media
from airflow_provider_orux.gateways.yescale.midjourney import Midjourney
from airflow_provider_orux.gateways.yescale.suno import Suno
from airflow_provider_orux.gateways.yescale.video import (
    KlingImageToVideo,
    KlingTextToVideo,
    Luma,
    Pika,
    Runway,
)
from airflow_provider_orux.models.errors import (
    GatewayUnavailableError,
    JobNotFoundError,
    OruxError,
    UnsupportedByGatewayError,
    redact,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest
from airflow_provider_orux.models.yescale import YEScaleRequest

SYNCHRONOUS = ("images", "edits", "ideogram", "chat")
#: What one USD is in the account's numbers (documented).
UNITS_OF_A_DOLLAR = 500_000
#: Jobs of one batch fetch: a bound of ours, none is documented.
BATCH = 50


class YEScaleGateway(Gateway):
    """The wire of YEScale. ``https://api.yescale.vip`` is the same without the proxy, for long requests.

    A ``CustomRequest`` goes to POST /v1/images/generations on the synchronous route and to POST /task/submit on the
    other: with ``body={"prompt": …, "config": {…}}`` that is the way to any model of YEScale Media.
    """

    name: ClassVar[str] = "yescale"
    default_host: ClassVar[str] = "https://api.yescale.io"
    api_path = "/v1"
    not_found_grace: float = 120.0
    OPTIONS: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        # Where a CustomRequest goes; all other requests have one way only.
        "route": ("sync", "async"),
        # new-api serves other speeds under other paths (/mj-fast/mj).
        "midjourney_path": ("/mj",),
        # Upstream ignores it, the layer before it asks for it.
        "reroll_index": ("send", "omit"),
        # Documented of imagine and describe alone; other upstreams have it for blend, too.
        "blend_bot": ("send", "omit"),
        # list-by-condition is upstream's, and not among YEScale's pages.
        "batch_fetch": ("off", "on"),
        # "URL or base64" (documented): whether with a data: prefix is not said.
        "media_image": ("data_url", "base64"),
        # Sibling gateways have Ideogram, Kling and Suno here.
        "ideogram_path": ("/ideogram/v1/ideogram-v3",),
        "kling_path": ("/kling/v1/images",),
        "suno_path": ("/suno",),
        # The same for Kling's clips, Pika's submission and both of Runway's addresses; some have others for Runway.
        "kling_video_path": ("/kling/v1/videos",),
        "pika_path": ("/pika/generate",),
        "runway_path": ("/runwayml/v1/image_to_video",),
        "runway_task_path": ("/runwayml/v1/tasks",),
        # Luma and Pika take base64 at sibling gateways, whether with a data: prefix is not said.
        "video_image": ("base64", "data_url"),
        # OpenAI's, which new-api follows: YEScale lists its Gemini image page among the chat models.
        "chat_path": ("/v1/chat/completions",),
        # OpenAI's: YEScale lists the pages of both edits. Whether Qwen's takes a form or JSON is not known.
        "edits_path": ("/v1/images/edits",),
        "qwen_edit_body": ("multipart", "json"),
        # Documented; the access key is another one than the API key, and optional. Which header holds it is not said.
        "account_host": ("https://yescale.bogia.app",),
        "access_key": (None,),
        # Costs nothing and needs the key in OpenAI's API, which new-api follows.
        "probe_path": ("/v1/models",),
    }

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._midjourney = Midjourney(self)
        self._families: dict[str, JobFamily] = {
            family.name: family
            for family in (
                self._midjourney,
                *(
                    kind(self)
                    for kind in (Media, KlingImages, KolorsTryOn, KlingTextToVideo, KlingImageToVideo)
                ),
                *(kind(self) for kind in (Runway, Luma, Pika, Suno)),
            )
        }
        self.batch_size = BATCH if self.options["batch_fetch"] == "on" else 0

    # -- requests ---------------------------------------------------------------------------------------
    def route(
        self, request: GenerationRequest, *, wanted: Route | None = None, deferrable: bool = False
    ) -> Route:
        """Each family has one route; a custom request goes as wanted, else as the connection says."""
        if isinstance(request, CustomRequest):
            chosen: Route = wanted or ("async" if self.options["route"] == "async" else "sync")
            return chosen
        only: Route = "sync" if self._family(request) in SYNCHRONOUS else "async"
        if wanted not in (None, only):
            kind, step = (
                ("asynchronous", "Use OruxGenerateImageOperator.")
                if only == "sync"
                else ("synchronous", "Use an operator that submits a job (OruxSubmitJobOperator).")
            )
            raise UnsupportedByGatewayError(
                f"{self.title} has no {kind} way for {request.label()}",
                gateway=self.name,
                charged="no",
                next_step=step,
            )
        return only

    def generate(self, request: GenerationRequest) -> HttpRequest:
        """The synchronous call."""
        self.route(request, wanted="sync")
        family = "images" if isinstance(request, CustomRequest) else self._family(request)
        if family == "ideogram":
            return generate_ideogram(request, path="/" + str(self.options["ideogram_path"]).strip("/"))
        if family == "chat":
            return generate_chat(request, path="/" + str(self.options["chat_path"]).strip("/"))
        if family == "edits":
            as_json = request.model_id == "qwen-image-edit" and self.options["qwen_edit_body"] == "json"
            path = "/" + str(self.options["edits_path"]).strip("/")
            return edit_image(request, path=path, encoding="json" if as_json else "multipart")
        return generate_image(request)

    def read_generate(self, request: GenerationRequest, response: HttpResponse, *, submission_id: str) -> Job:
        """The images."""
        chat = not isinstance(request, CustomRequest) and self._family(request) == "chat"
        read = read_chat if chat else read_images
        with _told(response):
            self.check(response, purpose=Purpose.PAY)
            self.check_length(response)
            return _known_as(read(self, request, response, submission_id=submission_id), response)

    def submit(self, request: GenerationRequest, *, idempotency_key: str | None = None) -> HttpRequest:
        """The asynchronous call. YEScale has no idempotency key, so none is sent."""
        return self._family_of(request).submit(request)

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """The job that was accepted."""
        family = self._family_of(request)
        try:
            with _told(response):
                self.check(response, purpose=Purpose.PAY)
                return _known_as(family.read_submit(request, response), response)
        except JobNotFoundError as e:
            if e.charged == "no":
                raise _not_found(request, e) from e
            raise
        except OruxError as e:
            named = e.job_id or named_job(response)
            e.job_id = f"{family.name}:{named}" if named else None
            raise

    # -- jobs -------------------------------------------------------------------------------------------
    def poll(self, job_id: str, *, wait: float = 0.0) -> HttpRequest:
        """Poll one job at its family's path. The gateway itself polls its upstream every 15 s or so (inferred)."""
        family, raw_id = split_handle(job_id, self._families, gateway=self.name)
        return family.poll(raw_id)

    def read_poll(self, job_id: str, response: HttpResponse) -> Job:
        """The current state of a job."""
        family, _ = split_handle(job_id, self._families, gateway=self.name)
        with _told(response):
            return _known_as(family.read_poll(job_id, response), response)

    def can_batch(self, job_id: str) -> bool:
        """Midjourney's jobs, if the connection allows it."""
        return self.batch_size > 0 and job_id.startswith(f"{Midjourney.name}:")

    def poll_batch(self, job_ids: Sequence[str]) -> HttpRequest:
        """Ask for several Midjourney jobs at once; jobs of other families are left out."""
        families = {self._midjourney.name: self._midjourney}
        raw_ids = [split_handle(j, families, gateway=self.name)[1] for j in job_ids if self.can_batch(j)]
        return self._midjourney.poll_batch(raw_ids)

    def read_batch(self, job_ids: Sequence[str], response: HttpResponse) -> dict[str, Job]:
        """The jobs that are in the answer; poll the others one by one."""
        return self._midjourney.read_batch(job_ids, response)

    def probe(self) -> HttpRequest:
        """GET /v1/models (an assumption, see the option)."""
        return HttpRequest("GET", "/" + str(self.options["probe_path"]).strip("/"), Purpose.READ)

    def usage(self) -> HttpRequest:
        """GET /yescale/user: the account. It is at ``account_host``, for the holder of ``access_key`` (documented)."""
        return HttpRequest("GET", "/yescale/user", Purpose.READ)

    def read_usage(self, response: HttpResponse) -> dict[str, Any]:
        """``balance`` and ``used`` in USD, and the number of ``requests``; None what is not told.

        :raises OruxError: the key was refused, or something else answered.
        """
        self.check(response, purpose=Purpose.READ)
        data = self.json_object(response).get("data")
        quota, used, requests = (at(data, name) for name in ("quota", "used_quota", "request_count"))
        if usd_of(quota) is None:
            raise self.unexpected(response, "no `data.quota`")
        return {
            "balance": usd_of(quota),
            "used": usd_of(used),
            "currency": "USD",
            "requests": number_of(requests),
        }

    def read_error(self, response: HttpResponse) -> OruxError | None:
        """See :mod:`airflow_provider_orux.gateways.yescale.errors`."""
        return errors.read_error(response, gateway=self.name)

    def is_definite_refusal(self, response: HttpResponse, error: OruxError) -> bool:
        """Not if the gateway failed while asking its upstream, even as HTTP 400."""
        return super().is_definite_refusal(response, error) and not errors.asked_upstream(response)

    def job_id_placeholder(self, request: GenerationRequest) -> str:
        """The family and ``JOB_ID``: the gateway shows ids without the family."""
        return f"{'media' if isinstance(request, CustomRequest) else self._family(request)}:JOB_ID"

    def _family(self, request: GenerationRequest) -> str:
        if not isinstance(request, YEScaleRequest):
            raise UnsupportedByGatewayError(
                f"{request.label()} is a request for another gateway, not {self.title}",
                gateway=self.name,
                charged="no",
                next_step="Build the request from airflow_provider_orux.models.yescale, or use another connection.",
            )
        return request.family

    def _family_of(self, request: GenerationRequest) -> JobFamily:
        self.route(request, wanted="async")
        return self._families["media" if isinstance(request, CustomRequest) else self._family(request)]


def _known_as(job: Job, response: HttpResponse) -> Job:
    """The job with the gateway's id of the answer that told of it: "log it" (documented)."""
    if response.request_id is None:
        return job
    return replace(job, details={**job.details, "request_id": response.request_id})


@contextmanager
def _told(response: HttpResponse) -> Iterator[None]:
    """Let an error name the answer that it was read from."""
    try:
        yield
    except OruxError as e:
        e.request_id = response.request_id
        raise


def usd_of(quota: Any) -> float | None:
    """USD of an amount as the account has it."""
    told = isinstance(quota, (int, float)) and not isinstance(quota, bool) and abs(quota) < 1e18
    return quota / UNITS_OF_A_DOLLAR if told else None


def _not_found(request: GenerationRequest, error: JobNotFoundError) -> OruxError:
    """Something that a submission needs was not found, and nothing was accepted: that mostly passes."""
    parent = getattr(request, "parent_job_id", None)
    if parent is None:
        return GatewayUnavailableError(
            f"The gateway did not find what it needs for {request.label()}: {error.message}",
            gateway=error.gateway,
            code=error.code,
            charged="no",
            http_status=error.http_status,
            request_id=error.request_id,
        )
    error.message = f"The gateway does not find the parent job {redact(str(parent))[:80]}: {error.message}"
    error.next_step = (
        "Right after the parent ended this passes. If it stays, the parent belongs to another account."
    )
    error.final = False
    return error
