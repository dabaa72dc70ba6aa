"""What each model of YEScale is asked for by the operators' tests: its fields, and what comes back.

``{image}`` is a file, ``{other}`` another one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

IMAGE, OTHER = "{image}", "{other}"
KLING = {"model_name": "kling-v1-6", "mode": "std", "duration": "5"}


class Case(NamedTuple):
    """One request.

    :param options: the model's fields beside the prompt.
    :param ending: of the files that it makes; empty for text.
    :param count: how many.
    :param prompt: False: it takes none.
    """

    options: dict[str, Any]
    ending: str
    count: int = 1
    prompt: bool = True


#: Jobs, by model: through ``OruxSubmitJobOperator``.
JOBS: dict[str, Case] = {
    # Kling, Runway, Luma, Pika: the classic pages
    "kling-text2video": Case({**KLING, "aspect_ratio": "9:16", "cfg_scale": "0.4"}, "avi"),
    "kling-image2video": Case({**KLING, "image": IMAGE, "camera_control": {"type": "down_back"}}, "avi"),
    "runway-video": Case(
        {"version": "gen4_turbo", "image": IMAGE, "duration": "5", "ratio": "720:1280"}, "avi"
    ),
    "luma-video": Case({"expand_prompt": True, "image_url": IMAGE, "aspect_ratio": "3:4"}, "avi"),
    "pika-video": Case({"version": "1.5", "aspect_ratio": "16:9", "motion": 1}, "avi"),
    # Media: clips
    "grok-video": Case({"aspect_ratio": "3:2", "duration": "6", "size": "720P"}, "avi"),
    "grok-video-1.5": Case({"images": [IMAGE], "aspect_ratio": "16:9", "duration": 4, "size": "720P"}, "avi"),
    "omni-flash": Case({"aspect_ratio": "9:16", "mode": "i2v(img_ref)", "images": [IMAGE, OTHER]}, "avi"),
    "veo-3.1": Case({"images": [IMAGE, OTHER], "aspect_ratio": "16:9", "enhance_prompt": True}, "avi"),
    "veo3.1": Case({"size": "720p", "aspect_ratio": "16:9"}, "avi"),
    "kling-2.5-turbo": Case({"duration": 5, "images": [IMAGE]}, "avi"),
    "hailuo-2.3": Case({"duration": 6, "size": "720P"}, "avi"),
    # Media: images
    "flux-kontext[max]": Case({"aspect_ratio": "16:9", "images": [IMAGE]}, "png"),
    "nano-banana-2": Case({"size": "1K", "google_search": "disable"}, "png"),
    "nano-banana-pro": Case({"aspect_ratio": "1:1", "google_search": True}, "png"),
    "gpt-image": Case({"size": "1024x1024", "quality": "low"}, "png"),
    "gpt-image-2": Case({"quality": "high", "images": [IMAGE]}, "png"),
    "seedream-4.0": Case({"size": "1K"}, "png"),
    "seedream-4.5": Case({"size": "2K"}, "png"),
    "seedream-5": Case({"size": "2K", "images": [IMAGE, OTHER]}, "png"),
    # Kling's images and the try-on
    "kling-image": Case({"n": 2, "aspect_ratio": "1:1", "image": IMAGE, "image_fidelity": "0.5"}, "png", 2),
    "kolors-virtual-try-on": Case({"human_image": IMAGE, "cloth_image": OTHER}, "png", prompt=False),
    # Suno
    "suno_music": Case({"title": "Night bus", "tags": "synthwave", "mv": "chirp-v4"}, "wav", 2),
    "suno_lyrics": Case({}, ""),
    "mj_shorten": Case({}, ""),
}

#: Answered at once: through ``OruxGenerateImageOperator``.
CALLS: dict[str, Case] = {
    "flux-pro": Case({"n": 2, "size": "1024x576"}, "png", 2),
    "dall-e-3": Case({"style": "natural"}, "png"),
    "gpt-image-1": Case({"quality": "low"}, "png"),
    "qwen-image": Case({"size": "512x512"}, "png"),
    "gpt-image-1-edit": Case({"images": [IMAGE, OTHER], "mask": OTHER, "n": 2}, "png", 2),
    "qwen-image-edit": Case({"images": [IMAGE]}, "png"),
    "gemini-2.0-flash-exp-image-generation": Case({}, "png"),
    "ideogram-v3-generate": Case({"num_images": 2}, "png", 2),
    "ideogram-v3-edit": Case({"image": IMAGE, "mask": OTHER}, "png"),
    "ideogram-v3-remix": Case({"image": IMAGE}, "png"),
}

#: One of each family of jobs, also submitted, waited for and saved by three tasks.
IN_THREE = (
    "kling-text2video", "kling-image2video", "runway-video", "luma-video", "pika-video", "grok-video",
    "flux-kontext[max]", "kling-image", "kolors-virtual-try-on", "suno_music", "suno_lyrics", "mj_shorten",
)  # fmt: skip


def filled(value: Any, image: str, other: str) -> Any:
    """The fields with the files' names."""
    if isinstance(value, dict):
        return {k: filled(v, image, other) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, image, other) for v in value]
    return {IMAGE: image, OTHER: other}.get(value, value) if isinstance(value, str) else value
