"""Space: planets, and a rocket on the ground."""

from __future__ import annotations

from orux_sandbox.art.palettes import Colour, mix
from orux_sandbox.art.scenes.scene import Scene


def draw_space(scene: Scene) -> None:
    """Space."""
    canvas, dice = scene.canvas, scene.dice
    canvas.sky(
        (
            mix(scene.top, (4, 4, 16), 0.6),
            mix(scene.top, scene.middle, 0.35),
            mix(scene.middle, scene.near, 0.45),
        )
    )
    if not scene.flat:
        for _ in range(6):
            colour = (scene.middle, scene.low, scene.accent)[dice.below(3)]
            canvas.glow(dice.between(0, 1), dice.between(0.05, 0.9), dice.between(0.25, 0.6), colour, 0.3)
    for _ in range(190):
        shade = mix(scene.top, (255, 255, 255), dice.between(0.35, 1.0))
        canvas.disc(dice.between(0, 1), dice.between(0, 1), dice.between(0.001, 0.0034), shade)
    size = 0.16 + scene.sun_size * 0.7
    x, y = scene.sun_x, scene.sun_y + 0.12
    _planet(scene, x, y, size, scene.accent)
    _planet(
        scene, 1 - x + dice.between(-0.08, 0.08), dice.between(0.16, 0.5), dice.between(0.03, 0.06), scene.low
    )
    ridge = scene.ridge(0.86, 0.04, 5, sharp=True)
    scene.fill(ridge, mix(scene.near, (0, 0, 0), 0.3))
    rocket = dice.between(0.12, 0.88)
    _rocket(scene, rocket, scene.height(ridge, rocket) + 0.01, 0.05)


def _planet(scene: Scene, x: float, y: float, size: float, colour: Colour) -> None:
    canvas = scene.canvas
    if not scene.flat:
        canvas.glow(x, y, size * 1.7, colour, 0.5)
    cx, cy, r = x * canvas.width, y * canvas.height, size * canvas.unit
    ring = (cx - r * 1.75, cy - r * 0.42, cx + r * 1.75, cy + r * 0.42)
    thick = max(1, round(r * 0.13))
    pale = mix(scene.low, (255, 255, 255), 0.4)
    if size > 0.1:
        canvas.pen.arc(ring, 180, 360, fill=pale, width=thick)
    canvas.disc(x, y, size, mix(colour, scene.near, 0.5))
    towards = -0.16 if x < 0.5 else 0.16
    for step in range(5):
        share = step / 5
        canvas.disc(
            x + canvas.across(size * towards * share),
            y - canvas.down(size * 0.14 * share),
            size * (1 - 0.16 * share - 0.02),
            mix(mix(colour, scene.near, 0.4), mix(colour, (255, 255, 255), 0.25), share),
        )
    if size > 0.1:
        canvas.pen.arc(ring, 0, 180, fill=pale, width=thick)


def _rocket(scene: Scene, x: float, y: float, size: float) -> None:
    canvas = scene.canvas
    w, h = canvas.across(size * 0.3), canvas.down(size)
    canvas.shape([(x - w * 2, y), (x - w, y - h * 0.7), (x - w * 0.8, y)], scene.accent)
    canvas.shape([(x + w * 2, y), (x + w, y - h * 0.7), (x + w * 0.8, y)], scene.accent)
    canvas.shape(
        [(x - w, y), (x - w, y - h * 1.4), (x, y - h * 2.1), (x + w, y - h * 1.4), (x + w, y)],
        mix(scene.sun, (255, 255, 255), 0.6),
    )
    canvas.disc(x, y - h * 1.2, size * 0.14, scene.water)
