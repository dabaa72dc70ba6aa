"""What all requests of Orux AI have in common."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from airflow_provider_orux.models.requests import GenerationRequest, HttpsUrl, NonBlank

#: Characters. "Up to 4000 chars on most models" (page "Images"); a longer prompt is refused before it is sent.
MAX_PROMPT = 4000

Prompt = Annotated[NonBlank, Field(max_length=MAX_PROMPT, description="What to make.")]
Webhook = Annotated[
    HttpsUrl,
    Field(
        description="HTTPS URL that gets one signed POST when the job ends. The provider does not need it: it polls."
    ),
]


class OruxRequest(GenerationRequest):
    """A request for a model of Orux AI."""

    gateway: ClassVar[str] = "orux"
    source: ClassVar[str] = "Orux AI documentation, page Images"
