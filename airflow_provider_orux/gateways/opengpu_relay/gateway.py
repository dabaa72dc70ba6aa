"""OpenGPU Relay in its two generations: the routes under ``/v2``, tasks, errors and prices.

Generation 1 is the vendor's page "Image Generation"; generation 2 its current documentation and recorded traffic. Where
generation 1 is silent (the body of a 202, errors) it is read like generation 2; HTTP statuses decide.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_orux.gateways.answers import (
    artifacts_anywhere,
    first_status_of,
    reason_of,
    status_of,
    words_of,
)
from airflow_provider_orux.gateways.base import Gateway, Route
from airflow_provider_orux.gateways.opengpu_relay import bodies, errors, listed
from airflow_provider_orux.gateways.opengpu_relay.prices import price_list
from airflow_provider_orux.gateways.opengpu_relay.tasks import (
    PATH_HANDLE,
    address_of,
    artifacts_of,
    cost_of_run,
    details_of,
    handle_of,
    is_run,
    text_of,
)
from airflow_provider_orux.gateways.times import parse_time
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.errors import (
    IdempotencyKeyReusedError,
    InvalidRequestError,
    OruxError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.listed import InputFile, ListedRequest
from airflow_provider_orux.models.opengpu_relay import RelayRequest
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest

log = logging.getLogger(__name__)

HOSTS: Mapping[int, str] = {1: "https://relay.opengpu.network", 2: "https://relaygpu.com"}

DAY = 86_400.0
#: Seconds after its end for which generation 2 knows a task.
FORGETS_AFTER = 3600.0
LONGEST_WAIT = 30.0
_ONE_URL = re.compile(r"https?://[^\s/?#]+/\S{1,2000}")


class OpenGPURelayGateway(Gateway):
    """The wire of OpenGPU Relay.

    A ``CustomRequest`` names a model, which generation 2's catalogue describes (:meth:`look_up`), or the path itself,
    and then is sent unchecked: ``CustomRequest(name="/v2/image/new-model/generate", body={…})``.
    """

    name: ClassVar[str] = "opengpu_relay"
    default_host: ClassVar[str] = HOSTS[2]
    api_path = "/v2"
    key_pattern: ClassVar[str | None] = r"relay_sk_[A-Za-z0-9_-]+"
    #: Without a key the account is a guest (generation 2).
    key_required: ClassVar[bool] = False
    OPTIONS: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "generation": (2, 1),
        # auto: async on generation 2, where a lost answer is asked for again under its idempotency key; sync on
        # generation 1, whose 202 is not documented.
        "route": ("auto", "sync", "async"),
        # How long generation 2 keeps the images. auto: what the request says, and a day for what will be saved.
        "store_output": ("auto", "provider", "relay1d", "relay7d", "relay30d"),
        # How long the vendor keeps an input file that it has to fetch itself; more than an hour costs a fee.
        "file_retention": ("relay1h", "relay1d", "relay7d", "relay30d"),
        # Both are documented, X-API-Key wins; generation 1's is not known.
        "key_header": ("X-API-Key", "Authorization"),
        # The tables of generation 1 have no such field but for Stable Diffusion, and each route has its default.
        "send_model": ("omit", "send"),
    }

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        given = dict(options or {})
        if str(given.get("generation")) in ("1", "2"):
            given["generation"] = int(str(given["generation"]))  # a form sends a text
        super().__init__(given)
        self.generation = int(self.options["generation"])
        if self.generation == 2:
            self.has_idempotency_keys = True
            self.idempotency_seconds = DAY
            self.long_poll_seconds = LONGEST_WAIT
            self.forgets_jobs_after = FORGETS_AFTER

    @property
    def host(self) -> str:
        """The vendor's host of the generation."""
        return HOSTS[self.generation]

    # -- requests ---------------------------------------------------------------------------------------
    @property
    def requests(self) -> Sequence[type[GenerationRequest]]:
        """The typed requests of the generation."""
        return [
            cls
            for cls in catalogue.requests_of(self.name)
            if issubclass(cls, RelayRequest) and cls.generation == self.generation
        ]

    def look_up(self, request: GenerationRequest) -> HttpRequest | None:
        """Generation 2: GET /v2/models/{model} of a request by name."""
        if self.generation == 2 and isinstance(request, CustomRequest) and listed.is_by_name(request):
            return listed.question(request)
        return None

    def read_look_up(self, request: GenerationRequest, response: HttpResponse) -> GenerationRequest:
        """The request with the catalogue's entry, checked against its schema; see :mod:`.listed`."""
        if not isinstance(request, CustomRequest):
            raise bodies.foreign(request)
        try:
            self.check(response, purpose=Purpose.READ)
        except UnsupportedByGatewayError as e:
            raise listed.unknown(request, e) from e
        return listed.listed_request(request, self.json_object(response))

    def upload(self, file: InputFile, *, key: str) -> HttpRequest:
        """POST /v2/files, kept for an hour (free), or as long as the connection's ``file_retention`` says.

        :param key: of its idempotency: sent again, it is the same file at the same URL.
        """
        return HttpRequest(
            "POST",
            "/v2/files",
            Purpose.READ,  # free for an hour, and one fee under one key
            query={"retention": self.options["file_retention"], "filename": file.name},
            headers={"Content-Type": file.media_type, "Idempotency-Key": key[:255]},
            content=file.content,
        )

    def read_upload(self, response: HttpResponse) -> str:
        """201 ``{"file_id", "url", …}``. Whoever has the URL can fetch the file while it lives."""
        self.check(response, purpose=Purpose.READ)
        url = self.json_object(response).get("url")
        if not isinstance(url, str) or not _ONE_URL.fullmatch(url):
            raise self.unexpected(response, "an uploaded file without a URL")
        return url

    def with_retention(self, request: GenerationRequest) -> GenerationRequest:
        """Generation 2: keep artifacts for a day, not an hour, unless the request or the connection says how long.

        Only on routes that store: any other refuses it (422).
        """
        return bodies.kept_for_a_day(request) if self.options["store_output"] == "auto" else request

    def refuses_retention(self, error: OruxError) -> bool:
        """The account's tier has no ``store_output`` (403), or the route has none (422): nothing was accepted."""
        if error.charged != "no":
            return False
        if error.http_status == 403:
            return error.code == "TIER_FEATURE_UNAVAILABLE"
        return error.http_status in (400, 422) and (
            error.param == "store_output" or "store_output" in error.message
        )

    def key_headers(self, key: str) -> dict[str, str]:
        """``X-API-Key`` (generation 2, documented)."""
        return (
            super().key_headers(key) if self.options["key_header"] == "Authorization" else {"X-API-Key": key}
        )

    def route(
        self, request: GenerationRequest, *, wanted: Route | None = None, deferrable: bool = False
    ) -> Route:
        """Every path supports both routes.

        :raises UnsupportedByGatewayError: the request belongs to the other generation.
        """
        if self.look_up(request) is None:
            bodies.path_of(request, generation=self.generation)
        if bodies.is_workflow(request):
            if wanted == "sync":
                raise bodies.only_as_job(request)
            return "async"
        if wanted is not None:
            return wanted
        preferred = self.options["route"]
        if preferred == "auto":
            return "async" if self.generation == 2 else "sync"
        return "async" if preferred == "async" else "sync"

    def generate(self, request: GenerationRequest) -> HttpRequest:
        """POST to the model's route; it answers when the image is made."""
        body = bodies.body_of(request, generation=self.generation, options=self.options)
        if "webhook_url" in body:
            raise InvalidRequestError(
                f"`webhook_url` of {request.label()} works with asynchronous jobs only",
                gateway=self.name,
                param="webhook_url",
                charged="no",
                next_step="Nothing was sent. Set the connection's route to 'async', or leave the field out.",
            )
        path = bodies.path_of(request, generation=self.generation)
        by_default = isinstance(request, ListedRequest) and request.entry.async_default
        if by_default or path.startswith("/v2/video/"):
            body = {**body, "async": False}  # the default there is true
        return HttpRequest("POST", path, Purpose.PAY, body=body)

    def read_generate(self, request: GenerationRequest, response: HttpResponse, *, submission_id: str) -> Job:
        """``{"images": […]}`` or ``{"urls": […]}``, base64 or URLs."""
        self.check(response, purpose=Purpose.PAY)
        self.check_length(response)
        value = self.json_object(response)
        if response.status == 202:
            # Its job goes on: a person can settle the submission with this id.
            error = self.unexpected(response, "the synchronous call was accepted as a job")
            error.job_id = handle_of(value, host=self.host, address_first=self.generation == 1)
            raise error
        artifacts, text = self._made(value, response)
        return Job(
            job_id=submission_id,
            status=JobStatus.SUCCEEDED,
            gateway=self.name,
            model=request.model_id,
            artifacts=artifacts,
            text=text,
            charged="yes",
            details=details_of(value) if text is not None else {},
        )

    def submit(self, request: GenerationRequest, *, idempotency_key: str | None = None) -> HttpRequest:
        """The same with ``async: true``; generation 2 remembers the key for a day."""
        headers = {}
        if idempotency_key is not None and self.has_idempotency_keys:
            if not re.fullmatch(r"[!-~]{1,255}", idempotency_key):
                raise InvalidRequestError(
                    "An idempotency key has 1 to 255 visible ASCII characters",
                    gateway=self.name,
                    charged="no",
                )
            headers["Idempotency-Key"] = idempotency_key
        body = bodies.body_of(request, generation=self.generation, options=self.options)
        if not bodies.is_workflow(request):
            body = {**body, "async": True}
        return HttpRequest(
            "POST",
            bodies.path_of(request, generation=self.generation),
            Purpose.PAY,
            body=body,
            headers=headers,
        )

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """202 ``{"task_id", "status", "poll_url"}``; generation 1 (body unknown): ``task_id`` or ``task_address``."""
        self.check(response, purpose=Purpose.PAY)
        if response.headers.get("x-credit-warning", "").lower() == "true":
            log.warning("The account's credits are below its warning threshold (X-Credit-Warning)")
        value = self.json_object(response)
        handle = handle_of(value, host=self.host, address_first=self.generation == 1)
        if handle is None:
            raise self.unexpected(response, "accepted, but without a task id or poll_url that can be polled")
        return Job(
            job_id=handle,
            status=first_status_of(value.get("status")),
            gateway=self.name,
            model=request.model_id,
        )

    # -- jobs -------------------------------------------------------------------------------------------
    def poll(self, job_id: str, *, wait: float = 0.0) -> HttpRequest:
        """GET the poll_url of the job, on the connection's own host. The task id is the secret: no key is sent."""
        path, query = address_of(job_id, gateway=self.name)
        # The runs of workflows have no long poll.
        seconds = 0 if is_run(job_id) else min(int(wait), int(self.long_poll_seconds))
        if seconds >= 1:
            query["wait"] = str(seconds)
        return HttpRequest("GET", path, Purpose.READ, query=query, with_key=False)

    def read_poll(self, job_id: str, response: HttpResponse) -> Job:
        """The task; a failed one is HTTP 200 with ``status: failed``. It is deleted an hour after its end."""
        self.check_poll(
            job_id,
            response,
            unknown="The gateway does not know this job: it never did, or it ended more than an hour ago (longer with "
            "store_output) and is forgotten, its result with it",
        )
        self.check_length(response, job_id=job_id)
        value = self.json_object(response)
        state = value.get("status")
        if not isinstance(state, str):
            raise self.unexpected(response, "no `status`")
        if not job_id.startswith(PATH_HANDLE):
            self.check_same_job(
                response, job_id, [value.get(n) for n in ("task_id", "task_address", "run_id")]
            )
        status = status_of(state)
        succeeded, failed = status is JobStatus.SUCCEEDED, status in (JobStatus.FAILED, JobStatus.EXPIRED)
        model = value.get("model")
        if is_run(job_id) and model is None:
            model = f"{listed.WORKFLOW}{words_of(value.get('workflow_id'), 100)}"
        artifacts: tuple[Artifact, ...] = ()
        text = code = why = None
        result = value.get("output" if is_run(job_id) else "result")
        result = result if isinstance(result, Mapping) else value
        if succeeded:
            artifacts, text = self._made(result, response)
        detail = value.get("error_detail")
        price = cost_of_run(value) if is_run(job_id) and succeeded else None
        if failed:
            code, why = reason_of(value, detail)
            said = words_of(detail.get("text")) if isinstance(detail, Mapping) else None
            why = "; ".join(part for part in (why, said and f"the model said: {said}") if part)
            why = errors.without_file_urls(why)[:500] or None
        return Job(
            job_id=job_id,
            status=status,
            gateway=self.name,
            model=words_of(model, 200),
            artifacts=artifacts,
            text=text,
            error_code=code,
            error_message=why,
            submitted_at=parse_time(value.get("created_at")),
            charged="yes" if succeeded else "unknown",
            price=price,
            currency=None if price is None else "USD",
            retry_helps=not errors.fails_again(code, detail),
            details=details_of(result) if text is not None else {},
        )

    def can_cancel(self, job_id: str) -> bool:
        """Runs of workflows only."""
        return is_run(job_id)

    def cancel(self, job_id: str) -> HttpRequest:
        """POST …/runs/{run_id}/cancel. The step that runs is finished and charged."""
        return HttpRequest("POST", address_of(job_id, gateway=self.name)[0] + "/cancel", Purpose.READ)

    # -- prices and catalogue ---------------------------------------------------------------------------
    def probe(self) -> HttpRequest:
        """GET /v2/models (generation 2; assumed for 1). A bad key is a 401; without a key it shows the host only."""
        return HttpRequest("GET", "/v2/models", Purpose.READ)

    def pricing(self) -> HttpRequest:
        """GET /v2/pricing (generation 2), without a key."""
        return HttpRequest("GET", "/v2/pricing", Purpose.READ, with_key=False)

    def read_pricing(self, response: HttpResponse) -> dict[str, tuple[float, str]]:
        """``{model: (amount, "USD/image")}``, and the fees of retention; see :func:`prices.price_list`."""
        self.check(response, purpose=Purpose.READ)
        value = self.json_object(response)
        if not isinstance(value.get("pricing"), list):
            raise self.unexpected(response, "no list `pricing`")
        return price_list(value, store_output=self.options["store_output"])

    # -- errors -----------------------------------------------------------------------------------------
    def check(self, response: HttpResponse, *, purpose: Purpose) -> None:
        """As in the base class; a key that was used for another body also proves an earlier submission."""
        try:
            super().check(response, purpose=purpose)
        except OruxError as e:
            if purpose is Purpose.PAY and e.code == "IDEMPOTENCY_KEY_REUSED":
                raise IdempotencyKeyReusedError(
                    "The gateway knows the idempotency key of this submission with another request: an earlier "
                    "execution of this task sent one, and its answer never came",
                    gateway=self.name,
                    code=e.code,
                    http_status=e.http_status,
                ) from e
            raise

    def read_error(self, response: HttpResponse) -> OruxError | None:
        """See :func:`airflow_provider_orux.gateways.opengpu_relay.errors.read_error`."""
        return errors.read_error(response)

    def _error_of_status(self, response: HttpResponse) -> OruxError:
        cls = errors.BY_STATUS.get(response.status)
        if self.generation == 1 and cls is not None:
            return cls(f"The gateway refused the request: {response.quote()}")
        return super()._error_of_status(response)

    # -- inside -----------------------------------------------------------------------------------------
    def _made(
        self, value: Mapping[str, Any], response: HttpResponse
    ) -> tuple[tuple[Artifact, ...], str | None]:
        """What a result holds: files, a text, or both (a transcript and its subtitles).

        :raises UnexpectedResponseError: neither.
        """
        artifacts = artifacts_of(value)
        text = text_of(value) if all(one.is_text for one in artifacts) else None
        if not artifacts and text is None:
            artifacts = artifacts_anywhere(value)
        if not artifacts and text is None:
            raise self.unexpected(response, "a result without URLs, base64 or text")
        return tuple(artifacts), text
