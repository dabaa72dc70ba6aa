"""A whole landscape: the sky, the subject, and what does not belong there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from orux_sandbox.art.canvas import Canvas
from orux_sandbox.art.scenes.city import draw_city
from orux_sandbox.art.scenes.countryside import draw_forest, draw_hills
from orux_sandbox.art.scenes.desert import draw_dunes
from orux_sandbox.art.scenes.mountains import draw_peaks
from orux_sandbox.art.scenes.scene import Scene
from orux_sandbox.art.scenes.sea import draw_sea
from orux_sandbox.art.scenes.space import draw_space

#: How each subject is drawn.
_SUBJECTS: Mapping[str, Callable[[Scene], None]] = {
    "sea": draw_sea,
    "city": draw_city,
    "forest": draw_forest,
    "dunes": draw_dunes,
    "space": draw_space,
    "peaks": draw_peaks,
    "hills": draw_hills,
}


def draw_landscape(recipe: Mapping[str, Any], width: int, height: int) -> Image.Image:
    """The scene of a recipe, back to front."""
    scene = Scene(Canvas(width, height), recipe)
    scene.sky()
    _SUBJECTS[scene.subject](scene)
    scene.strange_things()
    return scene.canvas.image
