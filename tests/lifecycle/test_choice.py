"""What a person is asked, and what the answer means."""

from __future__ import annotations

import pytest

from airflow_provider_orux.lifecycle import choice


@pytest.mark.parametrize(
    ("manifest", "images", "count"),
    [
        ({"verb": "imagine"}, 1, 4),
        ({"verb": "variation"}, 1, 4),
        ({}, 1, 4),
        ({"verb": "upscale"}, 1, 1),
        ({"verb": "generate"}, 3, 3),
        ({"verb": "imagine"}, 4, 4),
        ({"verb": "generate"}, 99, choice.MOST),
    ],
)
def test_how_many_there_are_to_choose_from(manifest, images, count):
    assert choice.choices(manifest, [object()] * images) == count


def test_labels_are_numbers_again():
    assert [choice.number_of(label) for label in choice.labels(4)] == [1, 2, 3, 4]


def test_a_grid():
    text = choice.question(["orux/x"], 4, prompt="a cat", page="orux/p")
    assert "![The images to choose from](orux/x)" in text
    assert "**U3** bottom left" in text
    assert text.startswith("` a cat `")
    assert text.endswith("[Full size](orux/p)")


def test_several_images_are_a_table():
    text = choice.question(["a", "b", "c"], 3, prompt=None, page="p")
    assert "| **U1** ![U1](a) | **U2** ![U2](b) |" in text
    assert "| **U3** ![U3](c) |  |" in text


@pytest.mark.parametrize(
    "prompt", ["`x`", "``` ![a](http://evil/)", "a\n\n# heading\nhttp://evil", "| a | b |", "`", "``"]
)
def test_a_prompt_is_no_markup(prompt):
    line = choice.question(["a"], 4, prompt=prompt, page="p").splitlines()[0]
    fence = line.split(" ")[0]
    assert set(fence) == {"`"}
    assert line.endswith(f" {fence}")
    assert fence not in line[len(fence) : -len(fence)].replace(f"{fence}`", "")
