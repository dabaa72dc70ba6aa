"""A city and its lights in the water."""

from __future__ import annotations

from orux_sandbox.art.palettes import Colour, mix
from orux_sandbox.art.scenes.scene import Scene


def draw_city(scene: Scene) -> None:
    """A city."""
    canvas, dice, layers = scene.canvas, scene.dice, 4
    for layer in range(layers):
        share = layer / (layers - 1)
        base = scene.horizon + 0.06 + 0.2 * share
        colour = mix(scene.far, scene.near, share)
        x = -0.04 + dice.between(0, 0.04)
        while x < 1:
            width = dice.between(0.045, 0.1) * (0.8 + 0.5 * share)
            top = base - dice.between(0.08, 0.34 - 0.06 * share)
            canvas.box(x, top, x + width, 1, colour)
            if dice.chance(0.3):
                canvas.box(x + width * 0.47, top - 0.05, x + width * 0.53, top, colour)
            elif dice.chance(0.3):
                canvas.shape([(x, top), (x + width / 2, top - 0.04), (x + width, top)], colour)
            if layer:
                _windows(scene, x, top, width, base, colour)
            if layer >= 2 and dice.chance(0.28):
                _sign(scene, x + width * dice.between(0.15, 0.6), top + 0.04, dice.between(0.08, 0.14))
            x += width + dice.between(0.0, 0.02)
        if not scene.flat:
            canvas.veil(base - 0.05, base + 0.16, mix(scene.low, colour, 0.5), 0.35)
    floor = scene.horizon + 0.26
    canvas.box(0, floor, 1, 1, mix(scene.near, scene.far, 0.12))
    scene.mirror(floor, 0.5)
    if "rain" in scene.prompt:
        for _ in range(140):
            x, y = dice.between(0, 1), dice.between(0, 0.95)
            canvas.stroke([(x, y), (x - 0.008, y + 0.035)], mix(scene.middle, scene.sun, 0.4), 0.0015)


def _windows(scene: Scene, x: float, top: float, width: float, bottom: float, wall: Colour) -> None:
    canvas, dice = scene.canvas, scene.dice
    columns = max(2, round(width / 0.016))
    pitch = width / columns
    y = top + 0.015
    while y < bottom + 0.05:
        for column in range(columns):
            if dice.chance(0.42):
                light = (
                    mix(scene.accent, scene.sun, dice.between(0.2, 1.0))
                    if dice.chance(0.75)
                    else mix(wall, scene.low, 0.5)
                )
                left = x + pitch * (column + 0.25)
                canvas.box(left, y, left + pitch * 0.5, y + 0.011, light)
        y += 0.024


def _sign(scene: Scene, x: float, y: float, height: float) -> None:
    canvas = scene.canvas
    if not scene.flat:
        canvas.glow(x + 0.01, y + height / 2, height * 0.9, scene.accent, 0.5)
    canvas.box(x, y, x + canvas.across(0.022), y + height, scene.accent)
    for bar in range(4):
        top = y + height * (0.12 + 0.22 * bar)
        canvas.box(
            x + canvas.across(0.005),
            top,
            x + canvas.across(0.017),
            top + height * 0.1,
            mix(scene.accent, (255, 255, 255), 0.85),
        )
