"""A desert: dunes, pyramids, cacti."""

from __future__ import annotations

import math

from orux_sandbox.art.palettes import mix
from orux_sandbox.art.scenes.scene import Scene


def draw_dunes(scene: Scene) -> None:
    """A desert."""
    canvas, dice = scene.canvas, scene.dice
    scene.fill(scene.ridge(scene.horizon + 0.03, 0.008, 2), mix(scene.low, scene.accent, 0.2))
    if "pyramid" in scene.prompt or dice.chance(0.5):
        for _ in range(1 + dice.below(3)):
            x, size = dice.between(0.15, 0.85), dice.between(0.08, 0.17)
            foot, half = scene.horizon + 0.06, canvas.across(size * 1.15)
            peak = (x + half * 0.12, foot - canvas.down(size))
            lit = mix(scene.far, scene.sun, 0.35)
            canvas.shape([(x - half, foot), peak, (x + half, foot)], mix(scene.far, scene.near, 0.35))
            edge = x - half * 0.3 if scene.sun_x > x else x + half * 0.3
            side = x + half if scene.sun_x > x else x - half
            canvas.shape([(edge, foot), peak, (side, foot)], lit)
    for layer in range(5):
        share = layer / 4
        ridge = scene.ridge(scene.horizon + 0.04 + share * 0.3, 0.045 + 0.012 * layer, 2)
        lit = mix(mix(scene.low, scene.accent, 0.35), scene.near, 0.1 + 0.6 * share)
        scene.fill(ridge, lit)
        # The lee side of a dune: the same crest, falling away faster.
        lee = [(x, y + 0.012 + 0.075 * max(0.0, math.sin(x * math.pi * 2.2 + layer * 1.9))) for x, y in ridge]
        canvas.shape([*ridge, *reversed(lee)], mix(lit, scene.near, 0.35))
        if layer in (2, 3):
            for _ in range(2 + dice.below(2)):
                x = dice.between(0.05, 0.95)
                _cactus(scene, x, scene.height(ridge, x) + 0.02, 0.03 + 0.018 * layer)


def _cactus(scene: Scene, x: float, y: float, size: float) -> None:
    canvas = scene.canvas
    w, h = canvas.across(size), canvas.down(size)
    colour = mix(scene.near, (34, 92, 66), 0.35)
    for left, top, foot in ((0.0, 1.7, 0.0), (-0.5, 1.15, 0.6), (0.5, 1.35, 0.75)):
        canvas.pen.rounded_rectangle(
            (
                (x + (left - 0.14) * w) * canvas.width,
                (y - top * h) * canvas.height,
                (x + (left + 0.14) * w) * canvas.width,
                (y - foot * h) * canvas.height,
            ),
            radius=0.14 * size * canvas.unit,
            fill=colour,
        )
    canvas.box(x - w * 0.5, y - h * 0.75, x, y - h * 0.55, colour)
    canvas.box(x, y - h * 0.9, x + w * 0.5, y - h * 0.7, colour)
