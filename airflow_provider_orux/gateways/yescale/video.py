"""The classic video pages: Kling, Runway, Luma and Pika, each with its own address and its own answers.

Documented: Kling's and Luma's addresses and the names in the answers of Luma and Pika. The other addresses are settings
of the connection; what an answer may look like is inferred from sibling gateways and from new-api, so each known shape
is read, the documented one first.
"""

from __future__ import annotations

import abc
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar, Literal

from airflow_provider_orux.gateways.answers import (
    REPEATED,
    artifacts_anywhere,
    artifacts_in,
    at,
    details_of,
    number_of,
    status_of,
)
from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.errors import error_of
from airflow_provider_orux.gateways.yescale.family import JobFamily
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

#: Which of Runway's APIs is meant; sibling gateways pass the header on (inferred).
RUNWAY_VERSION = "2024-11-06"


class VideoFamily(JobFamily):
    """One video page. An answer is one object, or one inside ``data``."""

    @abc.abstractmethod
    def submit_path(self) -> str:
        """Where it is submitted."""

    @abc.abstractmethod
    def body(self, request: GenerationRequest) -> dict[str, Any]:
        """The fields as the page names them."""

    @abc.abstractmethod
    def made(self, task: Mapping[str, Any]) -> list[Artifact]:
        """The clips, from the places where they are known to be."""

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """The paid call."""
        body = {**self.body(request), **request.extra_body}
        return HttpRequest("POST", self.submit_path(), Purpose.PAY, body=body, headers=self.headers())

    def headers(self) -> dict[str, str]:
        """More headers of the page."""
        return {}

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """The id is ``task_id`` or ``id``, at the top or in ``data``."""
        value = self.gateway.json_object(response)
        layers = list(_layers(value))
        raw_id = next((i for layer in layers for i in _ids(layer)), None)
        error = error_of(value, gateway=self.gateway.name, status=response.status)
        if _refuses(value) or (error is not None and raw_id is None):
            raise self.refused(value, response)
        return self.accepted(request, response, raw_id, self._word(layers))

    def read_job(self, job_id: str, response: HttpResponse) -> Job:
        """See :meth:`made`; a clip in an unknown place is taken as well."""
        value = self.gateway.json_object(response)
        if _refuses(value):
            raise self.refused(value, response)
        layers = list(_layers(value))
        # The outermost: new-api's task holds its upstream's, which has an id of its own.
        ids = next(filter(None, map(_ids, layers)), [])
        self.check_same_job(response, job_id, *ids)
        made = next(filter(None, map(self.made, layers)), [])
        word = self._word(layers)
        if word is None and not made and not ids:
            raise self.gateway.unexpected(response, "no status")
        # A clip and no word: it is done. No clip and no word: it has only begun.
        status = status_of(word or "") if word is not None or not made else JobStatus.SUCCEEDED
        if status is JobStatus.SUCCEEDED and not made:
            made = artifacts_anywhere(value, skip=REPEATED)
        return self.job(
            job_id,
            response,
            status=status,
            artifacts=made,
            why=[why for layer in reversed(layers) for why in self.why(layer)],
            submitted=_first(layers, _BEGUN),
            finished=_first(layers, _ENDED) if status.is_terminal else None,
        )

    @property
    def video_form(self) -> Literal["data_url", "base64"]:
        """How an image's bytes are sent where the page does not say; a setting."""
        return "data_url" if self.gateway.options["video_image"] == "data_url" else "base64"

    def _word(self, layers: list[Mapping[str, Any]]) -> str | None:
        return next((word for layer in layers if (word := self.state(layer)) is not None), None)

    def state(self, task: Mapping[str, Any]) -> str | None:
        """The word that says how the job is."""
        found = (task.get(name) for name in ("task_status", "status", "state"))
        return next((word for word in found if isinstance(word, str)), None)

    def why(self, task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The objects that may say why it failed."""
        yield task


class Kling(VideoFamily):
    """Kling's clips: its own envelope, or what newer versions of new-api make of it."""

    #: From 5000 on Kling itself failed, which proves nothing.
    refusals: ClassVar[Container[int]] = range(1000, 5000)
    page: ClassVar[str]

    def submit_path(self) -> str:
        """POST /kling/v1/videos/text2video|image2video."""
        return f"{self.path_option('kling_video_path')}/{self.page}"

    def poll_path(self, raw_id: str) -> str:
        """GET the same path with the id behind it."""
        return f"{self.submit_path()}/{raw_id}"

    def body(self, request: GenerationRequest) -> dict[str, Any]:
        """The names are the page's; images are URLs, or base64 without a ``data:`` prefix."""
        return wire_fields(request, form="base64")

    def made(self, task: Mapping[str, Any]) -> list[Artifact]:
        """``task_result.videos[].url`` with ``id`` and ``duration``, else ``metadata.url`` or ``url``."""
        clips = at(task, "task_result", "videos")
        found = [
            replace(one, details=details_of(id=at(clip, "id"), duration=at(clip, "duration")))
            for clip in (clips if isinstance(clips, list) else [])
            for one in artifacts_in(clip)[:1]
        ]
        return found or artifacts_in([task.get("task_result"), at(task, "metadata", "url"), task.get("url")])


class KlingTextToVideo(Kling):
    """Page "Create Video by Text"."""

    name: ClassVar[str] = "kling-text2video"
    page: ClassVar[str] = "text2video"


class KlingImageToVideo(Kling):
    """Page "Create Video by Image"."""

    name: ClassVar[str] = "kling-image2video"
    page: ClassVar[str] = "image2video"


class Luma(VideoFamily):
    """``/luma/generations``, both addresses documented."""

    name: ClassVar[str] = "luma"
    #: The places of the clip: siblings' first, then those on YEScale's page.
    places: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("video", "download_url"),
        ("video", "url"),
        ("assets", "video"),
        ("video_raw", "url"),
        ("artifact", "video_raw", "url"),
        ("artifact", "video", "url"),
        ("artifact", "video_raw"),
        ("video_raw",),
        ("video",),
    )

    def submit_path(self) -> str:
        """POST /luma/generations."""
        return "/luma/generations"

    def poll_path(self, raw_id: str) -> str:
        """GET /luma/generations/{task_id}."""
        return f"/luma/generations/{raw_id}"

    def body(self, request: GenerationRequest) -> dict[str, Any]:
        """``prompt`` is ``user_prompt``; the other names are the page's."""
        fields = wire_fields(request, form=self.video_form)
        return {"user_prompt": fields.pop("prompt"), **fields}

    def made(self, task: Mapping[str, Any]) -> list[Artifact]:
        """The first place that has the clip, and the thumbnail as its cover."""
        clip = next((found[:1] for place in self.places if (found := artifacts_in(at(task, *place), ()))), [])
        cover = at(task, "thumbnail", "url") or at(task, "thumbnail")
        return [replace(one, details=details_of(cover=cover)) for one in clip]


class Pika(VideoFamily):
    """``/pika/generate`` (inferred), ``/pika/feed/{task_id}`` (documented)."""

    name: ClassVar[str] = "pika"

    def submit_path(self) -> str:
        """POST, a setting."""
        return self.path_option("pika_path")

    def poll_path(self, raw_id: str) -> str:
        """GET /pika/feed/{task_id}."""
        return f"/pika/feed/{raw_id}"

    def body(self, request: GenerationRequest) -> dict[str, Any]:
        """``promptText``, ``model``, ``pikaffect``, ``image``, ``video``, and the rest in ``options``."""
        fields = wire_fields(request, form=self.video_form)
        body = {wire: fields[name] for name, wire in _PIKA.items() if name in fields}
        parameters = {wire: fields[name] for name, wire in _PIKA_PARAMETERS.items() if name in fields}
        options: dict[str, Any] = {"frameRate": fields["frame_rate"]} if "frame_rate" in fields else {}
        if "aspect_ratio" in fields:
            options["aspectRatio"] = float(Fraction(fields["aspect_ratio"].replace(":", "/")))
        if parameters:
            options["parameters"] = parameters
        return body | ({"options": options} if options else {})

    def made(self, task: Mapping[str, Any]) -> list[Artifact]:
        """``videos[].resultUrl`` of those that are finished."""
        return [
            replace(
                one, details=details_of(**{n: clip.get(n) for n in ("id", "duration", "seed")}, cover=cover)
            )
            for clip in _clips(task)
            if not isinstance(clip.get("status"), str) or status_of(clip["status"]) is JobStatus.SUCCEEDED
            for one in artifacts_in(clip.get("resultUrl"), ())[:1]
            for cover in [clip.get("videoPoster") or clip.get("imageThumb")]
        ]

    def state(self, task: Mapping[str, Any]) -> str | None:
        """The words of the clips: one that goes on decides, then one that is finished; without words, the task's."""
        words = [clip["status"] for clip in _clips(task) if isinstance(clip.get("status"), str)]
        going_on = [word for word in words if not status_of(word).is_terminal]
        finished = [word for word in words if status_of(word) is JobStatus.SUCCEEDED]
        return next(iter([*going_on, *finished, *words]), None) or super().state(task)

    def why(self, task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """``videos[].error``."""
        yield from _clips(task)
        yield task


class Runway(VideoFamily):
    """Runway's own API under two addresses that are settings (inferred)."""

    name: ClassVar[str] = "runway"

    def submit_path(self) -> str:
        """POST, a setting."""
        return self.path_option("runway_path")

    def poll_path(self, raw_id: str) -> str:
        """GET, a setting."""
        return f"{self.path_option('runway_task_path')}/{raw_id}"

    def headers(self) -> dict[str, str]:
        """Runway's own API asks for the version."""
        return {"X-Runway-Version": RUNWAY_VERSION}

    def poll(self, raw_id: str) -> HttpRequest:
        """With the version, too."""
        return replace(super().poll(raw_id), headers=self.headers())

    def body(self, request: GenerationRequest) -> dict[str, Any]:
        """``promptImage`` is a URL or data URL, or a list of them with their places."""
        fields = wire_fields(request, form="data_url")
        image, tail = fields.pop("image"), fields.pop("image_tail", None)
        if tail is not None:
            image = [{"uri": image, "position": "first"}, {"uri": tail, "position": "last"}]
        body = {"promptImage": image, "model": fields.pop("version")}
        return body | {("promptText" if name == "prompt" else name): value for name, value in fields.items()}

    def made(self, task: Mapping[str, Any]) -> list[Artifact]:
        """``output: [url]``; one sibling answers as Luma does."""
        return artifacts_in(task.get("output")) or artifacts_in(at(task, "video"), ("download_url", "url"))

    def why(self, task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """``failure`` and ``failureCode``."""
        yield {"error_code": task.get("failureCode")}
        yield task


#: Fields of a Pika request and their names at the top of its body.
_PIKA = {
    "prompt": "promptText",
    "version": "model",
    "effect": "pikaffect",
    "image": "image",
    "video": "video",
}
#: The same in ``options.parameters``.
_PIKA_PARAMETERS = {
    "guidance_scale": "guidanceScale",
    "motion": "motion",
    "negative_prompt": "negativePrompt",
}
#: Names of the time at which a job began, and at which it was last seen.
_BEGUN = ("submit_time", "created_at", "createdAt")
_ENDED = ("finish_time", "updated_at")


def _refuses(value: Mapping[str, Any]) -> bool:
    """Whether an envelope's ``code`` is there, and another one than that of a success."""
    code = value.get("code")
    return code is not None and number_of(code) != 0 and str(code).lower() != "success"


def _layers(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The object itself and what is in its ``data``: new-api's task holds Kling's envelope, and that one its task."""
    for _ in range(4):
        yield value
        inner = value.get("data")
        if not isinstance(inner, Mapping):
            return
        value = inner


def _ids(task: Mapping[str, Any]) -> list[Any]:
    return [task[name] for name in ("task_id", "id") if task.get(name) not in (None, "")]


def _first(layers: list[Mapping[str, Any]], names: tuple[str, ...]) -> Any:
    return next((layer[name] for layer in layers for name in names if layer.get(name)), None)


def _clips(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    clips = task.get("videos")
    return [clip for clip in clips if isinstance(clip, Mapping)] if isinstance(clips, list) else []
