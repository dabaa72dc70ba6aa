"""Mountains by a lake."""

from __future__ import annotations

from orux_sandbox.art.palettes import Colour, mix
from orux_sandbox.art.scenes.scene import Scene
from orux_sandbox.art.scenes.trees import pine


def draw_peaks(scene: Scene) -> None:
    """Mountains."""
    canvas, dice = scene.canvas, scene.dice
    line = scene.horizon + 0.12
    for layer in range(3):
        share = layer / 2
        count = (5, 4, 3)[layer]
        colour = mix(scene.far, scene.near, 0.15 + 0.5 * share)
        for peak in range(count):
            x = (peak + dice.between(0.1, 0.9)) / count
            _mountain(scene, x, line, dice.between(0.26, 0.4) - 0.085 * layer, colour)
        if not scene.flat:
            canvas.veil(line - 0.14, line, mix(scene.low, colour, 0.3), 0.5)
    scene.mirror(line, 0.35)
    scene.glitter(line)
    bank = scene.ridge(0.93, 0.03, 3)
    scene.fill(bank, scene.near)
    for tree in range(13):
        x = (tree + dice.between(0, 1)) / 13
        if abs(x - scene.sun_x) > 0.1:
            pine(
                scene,
                x,
                scene.height(bank, x) + 0.01,
                dice.between(0.08, 0.17),
                mix(scene.near, scene.far, 0.08),
            )
    scene.birds(3)


def _mountain(scene: Scene, x: float, foot: float, height: float, colour: Colour) -> None:
    canvas, dice = scene.canvas, scene.dice
    half = canvas.across(height * dice.between(0.9, 1.2))
    top = foot - height
    canvas.shape([(x - half, foot), (x, top), (x + half, foot)], colour)
    lit = half if scene.sun_x > x else -half
    crease = [
        (x, top),
        (x + lit * 0.12, top + height * 0.3),
        (x - lit * 0.04, top + height * 0.62),
        (x + lit * 0.1, foot),
    ]
    canvas.shape([*crease, (x + lit, foot)], mix(colour, scene.low, 0.3))
    white = mix(scene.low, (255, 255, 255), 0.72)
    edge = [dice.between(0.24, 0.34) + (0.1 if step % 2 else 0.0) for step in range(9)]
    # The snow line wanders between the two slopes, which are at +-reach of the way out when reach down.
    cap = [(x + half * reach * (step / 4 - 1), top + height * reach) for step, reach in enumerate(edge)]
    canvas.shape([(x, top), *cap], white)
    shady = cap[:5] if lit > 0 else cap[4:]
    canvas.shape([(x, top), *shady], mix(white, colour, 0.3))
