"""Midjourney: imagine makes a grid of four; upscale, variation and reroll continue from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_orux.compat import XComArg
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.operators.base import OruxOperator


class _MidjourneyOperator(OruxOperator):
    """A verb of Midjourney. Subclasses set ``request_fields``: the arguments that are fields of the request."""

    request_fields: ClassVar[Sequence[str]] = ()

    def request_spec(self) -> RequestSpec:
        """What the arguments ask for."""
        fields = {name: getattr(self, name) for name in self.request_fields}
        return RequestSpec(verb=self.verb, fields=fields, extra_body=self.extra_body)


class OruxImagineOperator(_MidjourneyOperator):
    """Make a grid of four images from a prompt.

    Works with every gateway that offers Midjourney. Follow-ups take its XComs ``job_id`` and ``conn_id``:
    ``parent_job_id=imagine.output["job_id"]``.

    :param prompt: what to make (templated).
    :param aspect_ratio: any ``width:height`` in whole numbers, like ``16:9`` (templated). None: the gateway's default.
    :param stylize: 0 to 1000, artistic styling strength. The gateway's default is 100.
    :param weird: 0 to 3000, unconventional composition. The gateway's default is 0.
    :param chaos: 0 to 100, variance between the four images. The gateway's default is 0.
    :param tile: a seamless image, for textures. The gateway's default is False.
    :param reference_images: images to lean on, given like those of :class:`OruxBlendOperator` (templated).
    :param webhook_url: an https URL the gateway calls when the job ends; not needed, since the provider polls.

    The other arguments are those of :class:`~airflow_provider_orux.operators.base.OruxOperator`.

    :raises InvalidRequestError: a value is out of range; the message names it and what is allowed.
    """

    verb: ClassVar[str] = "imagine"
    request_fields = (
        "prompt",
        "aspect_ratio",
        "stylize",
        "weird",
        "chaos",
        "tile",
        "reference_images",
        "webhook_url",
    )
    template_fields: Sequence[str] = (*request_fields, *OruxOperator.template_fields)
    ui_color = "#d9d2f5"

    def __init__(
        self,
        *,
        prompt: str | XComArg,
        aspect_ratio: str | None = None,
        stylize: int | str | None = None,
        weird: int | str | None = None,
        chaos: int | str | None = None,
        tile: bool | str | None = None,
        reference_images: Sequence[str] | None = None,
        webhook_url: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prompt = prompt
        self.aspect_ratio = aspect_ratio
        self.stylize = stylize
        self.weird = weird
        self.chaos = chaos
        self.tile = tile
        self.reference_images = reference_images
        self.webhook_url = webhook_url
        self.check_arguments()


class _FollowUpOperator(_MidjourneyOperator):
    """The parts upscale and variation share: a parent and the index of an image in its grid."""

    request_fields = ("parent_job_id", "index")
    template_fields: Sequence[str] = (*request_fields, *OruxOperator.template_fields)

    def __init__(self, *, parent_job_id: str, index: int | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parent_job_id = parent_job_id
        self.index = index
        self.check_arguments()


class OruxUpscaleOperator(_FollowUpOperator):
    """Make one image of a grid at full resolution.

    :param parent_job_id: the job that made the grid: ``imagine.output["job_id"]`` (templated).
    :param index: 1 to 4, which image, row by row (templated).

    The other arguments are those of :class:`~airflow_provider_orux.operators.base.OruxOperator`. Use the parent's
    connection: ``conn_id=imagine.output["conn_id"]``.

    :raises InvalidRequestError: the index is not 1 to 4, or the parent's id is empty.
    """

    verb: ClassVar[str] = "upscale"
    ui_color = "#c9e4f6"


class OruxVariationOperator(_FollowUpOperator):
    """Make a new grid in the look of one image of a grid.

    :param parent_job_id: the job that made the grid: ``imagine.output["job_id"]`` (templated).
    :param index: 1 to 4, which image, row by row (templated).

    The other arguments are those of :class:`~airflow_provider_orux.operators.base.OruxOperator`.

    :raises InvalidRequestError: the index is not 1 to 4, or the parent's id is empty.
    """

    verb: ClassVar[str] = "variation"
    ui_color = "#cdebd3"


class OruxRerollOperator(_MidjourneyOperator):
    """Run a grid's prompt again: a new grid. It takes no index.

    :param parent_job_id: the job that made the grid: ``imagine.output["job_id"]`` (templated).

    The other arguments are those of :class:`~airflow_provider_orux.operators.base.OruxOperator`.

    :raises InvalidRequestError: the parent's id is empty.
    """

    verb: ClassVar[str] = "reroll"
    request_fields = ("parent_job_id",)
    template_fields: Sequence[str] = (*request_fields, *OruxOperator.template_fields)
    ui_color = "#f6e3c9"

    def __init__(self, *, parent_job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parent_job_id = parent_job_id
        self.check_arguments()


class OruxBlendOperator(_MidjourneyOperator):
    """Make a grid out of two to five images. YEScale offers it.

    :param images: two to five images: paths or ObjectStoragePath URIs, https URLs, or data URLs (templated). They
        are read on the worker right before the request is sent.
    :param dimensions: ``PORTRAIT`` (2:3), ``SQUARE`` (1:1, the gateway's default) or ``LANDSCAPE`` (3:2) (templated).

    The other arguments are those of :class:`~airflow_provider_orux.operators.base.OruxOperator`.

    :raises InvalidRequestError: fewer than two or more than five images, or one that cannot be read.
    """

    verb: ClassVar[str] = "blend"
    request_fields = ("images", "dimensions")
    template_fields: Sequence[str] = (*request_fields, *OruxOperator.template_fields)
    ui_color = "#f2d5e4"

    def __init__(self, *, images: Sequence[str], dimensions: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.images = images
        self.dimensions = dimensions
        self.check_arguments()


class OruxDescribeOperator(_MidjourneyOperator):
    """Describe an image: the result's ``prompts`` are four that would make one like it. YEScale offers it.

    :param image: the image: a path or ObjectStoragePath URI, an https URL, or a data URL (templated).

    The other arguments are those of :class:`~airflow_provider_orux.operators.base.OruxOperator`.

    :raises InvalidRequestError: the image cannot be read.
    """

    verb: ClassVar[str] = "describe"
    request_fields = ("image",)
    template_fields: Sequence[str] = (*request_fields, *OruxOperator.template_fields)
    ui_color = "#d5e9f2"

    def __init__(self, *, image: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.check_arguments()
