"""The images: the same from the same parameters, and a panel is recognised when it is enlarged."""

from __future__ import annotations

import io
import time
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from orux_sandbox.art import drawing, recipes
from orux_sandbox.art.renderer import Renderer

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
TASKS = "/api/v1/tasks"


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of the pixels, 0 to 255, at a size where edges and lettering matter little."""
    small = [image.convert("RGB").resize((96, 96), Image.Resampling.BOX) for image in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3


def panels(grid: Image.Image) -> list[Image.Image]:
    across, down = grid.width // 2, grid.height // 2
    return [
        grid.crop((x * across, y * down, (x + 1) * across, (y + 1) * down)) for y in (0, 1) for x in (0, 1)
    ]


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(web.get(url).content)).convert("RGB")


def result(api: httpx.Client, **body: Any) -> tuple[str, Image.Image]:
    answer = api.post(TASKS, json={"model": "midjourney-v7", **body})
    assert answer.status_code == 200, answer.text
    task_id = answer.json()["task_id"]
    return task_id, opened(api.get(f"{TASKS}/{task_id}").json()["result_urls"][0])


PROMPTS = [
    "a lighthouse at dawn",
    "Cinematic neon-lit Tokyo alley in the rain",
    "an astronaut on a lonely planet",
    "alpine lake in winter",
    "a balloon over green hills",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_upscale_is_the_chosen_panel_and_no_other(api, sandbox, prompt):
    sandbox.configure(image_scale=0.5)
    task_id, grid = result(api, prompt=prompt, aspect_ratio="4:3")
    quarters = panels(grid)
    for index in (1, 2, 3, 4):
        _, large = result(api, action="upscale", parent_task_id=task_id, index=index)
        assert large.width == 3 * quarters[0].width
        distances = [distance(large, quarter) for quarter in quarters]
        own = distances.pop(index - 1)
        assert own < 9  # most of it is the number in the panel's corner
        assert min(distances) > 2.5 * own


def test_a_variation_keeps_the_look_of_its_panel(api):
    def colours(image: Image.Image) -> list[float]:
        # The upper part: the sky, whose colours and sun are the look; what stands below is new.
        sky = image.crop((0, 0, image.width, image.height // 3))
        return ImageStat.Stat(sky.resize((1, 1), Image.Resampling.BOX)).mean

    task_id, grid = result(api, prompt="a lighthouse", chaos=100)
    quarters = panels(grid)
    for index in (1, 3):
        _, varied = result(api, action="variation", parent_task_id=task_id, index=index)
        new = panels(varied)
        assert all(distance(one, quarters[index - 1]) > 3 for one in new)  # new images …
        for one in new:  # … in the old light
            apart = [sum(abs(a - b) for a, b in zip(colours(one), colours(q), strict=True)) for q in quarters]
            assert apart.index(min(apart)) == index - 1
        assert min(distance(a, b) for i, a in enumerate(new) for b in new[:i]) > 2


def test_a_reroll_is_a_new_grid_every_time(api):
    task_id, grid = result(api, prompt="a fox")
    _, first = result(api, action="reroll", parent_task_id=task_id)
    _, second = result(api, action="reroll", parent_task_id=task_id)
    assert min(distance(grid, first), distance(grid, second), distance(first, second)) > 4


def test_the_same_request_gives_the_same_bytes_and_any_other_does_not(api):
    def content(**options: Any) -> bytes:
        body = {"model": "gemini-3-pro-image", "prompt": "a fox", **options}
        return web.get(api.post("/api/v1/images/generations", json=body).json()["data"][0]["url"]).content

    assert content() == content()
    assert content(seed=7) == content(seed=7)
    assert (
        len(
            {
                content(),
                content(seed=7),
                content(seed=8),
                content(prompt="a foxx"),
                content(aspect_ratio="4:3"),
            }
        )
        == 5
    )
    assert content(webhook_url="https://example.com/x") == content()


def test_the_same_steps_give_the_same_images_again(api, sandbox):
    def steps() -> list[bytes]:
        grid, _ = result(api, prompt="a fox")
        urls = []
        for body in (
            {"action": "variation", "index": 2},
            {"action": "variation", "index": 2},
            {"action": "reroll"},
        ):
            task_id, _ = result(api, parent_task_id=grid, **body)
            urls.append(api.get(f"{TASKS}/{task_id}").json()["result_urls"][0])
        return [web.get(url).content for url in urls]

    first = steps()
    assert len(set(first)) == 3
    sandbox.reset()
    assert steps() == first


def test_n_images_are_n_different_ones(api):
    body = {"model": "gpt-image-2", "prompt": "a fox", "n": 4}
    data = api.post("/api/v1/images/generations", json=body).json()["data"]
    images = [opened(one["url"]) for one in data]
    assert min(distance(a, b) for i, a in enumerate(images) for b in images[:i]) > 3


def scene(prompt: str = "a quiet hill", **options: Any) -> dict[str, Any]:
    return recipes.scene(seed="s", prompt=prompt, model="midjourney-v7", **options)


def test_tile_has_no_seam():
    def seam(image: Image.Image) -> float:
        left, right = image.crop((0, 0, 1, 200)), image.crop((255, 0, 256, 200))
        return sum(ImageStat.Stat(ImageChops.difference(left, right)).mean)

    plain = drawing.draw_scene(scene(), 256, 256, caption=False)
    tiled = drawing.draw_scene(scene(tile=True), 256, 256, caption=False)
    assert seam(tiled) == 0
    assert seam(plain) > 1
    top, bottom = tiled.crop((0, 0, 256, 1)), tiled.crop((0, 255, 256, 256))
    assert ImageChops.difference(top, bottom).getbbox() is None


def test_chaos_lets_the_panels_drift_apart():
    def spread(chaos: int) -> float:
        total = 0.0
        for seed in "abcdef":
            scenes = recipes.four_scenes(seed=seed, prompt="somewhere", model="m", chaos=chaos)
            images = [drawing.draw_scene(one, 96, 96, caption=False) for one in scenes]
            total += sum(distance(a, b) for i, a in enumerate(images) for b in images[:i])
        return total

    assert spread(100) > 1.25 * spread(0)


def test_stylize_and_weird_can_be_seen():
    def saturation(image: Image.Image) -> float:
        return ImageStat.Stat(image.convert("HSV").getchannel(1)).mean[0]

    def drawn(**options: Any) -> Image.Image:
        return drawing.draw_scene(scene(**options), 192, 192, caption=False)

    assert saturation(drawn(stylize=0)) < saturation(drawn()) < saturation(drawn(stylize=1000))
    assert distance(drawn(weird=3000), drawn()) > 8


def test_the_prompt_can_be_read():
    with_text = drawing.draw_scene(scene("a quiet hill"), 512, 512)
    without = drawing.draw_scene(scene("a quiet hill"), 512, 512, caption=False)
    changed = ImageChops.difference(with_text, without).getbbox()
    assert changed is not None
    assert changed[1] > 350  # at the foot only
    white = with_text.crop((0, 400, 512, 512)).convert("L").point(lambda v: 255 if v > 235 else 0)
    assert ImageStat.Stat(white).mean[0] > 2
    dark = with_text.crop((0, 440, 512, 512)).convert("L")
    assert ImageStat.Stat(dark).median[0] < 90


@pytest.mark.parametrize(
    "prompt",
    [
        "x",
        "word " * 800,
        "w" * 4000,
        "ngọn hải đăng lúc bình minh",
        "黎明时的灯塔",
        "🦊\u200d\x07 fox",
        "tab\tand\nnewline",
    ],
)
@pytest.mark.parametrize("size", [(64, 64), (1024, 64), (64, 900), (300, 200)])
def test_any_prompt_fits_any_frame(prompt, size):
    assert drawing.draw_scene(scene(prompt), *size).size == size


def test_drawing_is_quick():
    def seconds(size: int) -> float:
        begin = time.process_time()
        drawing.png(drawing.draw_grid(recipes.four_scenes(seed="q", prompt="a fox", model="m"), size, size))
        return time.process_time() - begin

    seconds(256)
    assert min(seconds(1024) for _ in range(3)) < 0.9  # 0.25 s on an idle machine


def test_what_was_rendered_is_cached_for_a_while_but_not_for_ever():
    renderer = Renderer(cache_bytes=60_000)
    images = [recipes.image(scene(f"number {n}"), 128, 128, name="a.png") for n in range(12)]
    first = [renderer.render(image) for image in images]
    assert 0 < renderer.size <= 60_000 < sum(map(len, first))
    assert renderer.render(images[-1]) is first[-1]
    assert renderer.render(images[0]) is not first[0]
    assert renderer.render(images[0]) == first[0]
