"""Trees: round ones and pines."""

from __future__ import annotations

from orux_sandbox.art.palettes import Colour, mix
from orux_sandbox.art.scenes.scene import Scene


def round_tree(scene: Scene, x: float, y: float, size: float, colour: Colour) -> None:
    """A tree with a round crown."""
    canvas = scene.canvas
    half = canvas.across(size * 0.1)
    canvas.box(
        x - half,
        y - canvas.down(size * 1.2),
        x + half,
        y + canvas.down(size * 0.3),
        mix(colour, (40, 26, 20), 0.5),
    )
    canvas.disc(x, y - canvas.down(size * 1.5), size * 0.8, colour)
    canvas.disc(x - canvas.across(size * 0.45), y - canvas.down(size * 1.1), size * 0.6, colour)
    canvas.disc(
        x + canvas.across(size * 0.45),
        y - canvas.down(size * 1.15),
        size * 0.6,
        mix(colour, scene.low, 0.14),
    )


def pine(scene: Scene, x: float, y: float, size: float, colour: Colour) -> None:
    """A pine."""
    canvas = scene.canvas
    w, h = canvas.across(size * 0.3), canvas.down(size)
    light = mix(colour, scene.low, 0.13)
    for tier in range(4):
        share = tier / 4
        top, foot, half = (
            y - h * (1.5 - share * 1.05),
            y - h * (0.85 - share * 0.95),
            w * (0.45 + 0.55 * share),
        )
        canvas.shape([(x, top), (x + half, foot), (x - half, foot)], colour)
        side = -half if scene.sun_x < x else half
        canvas.shape([(x, top), (x + side, foot), (x + side * 0.35, foot)], light)
