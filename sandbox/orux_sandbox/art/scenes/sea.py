"""The sea: a shore, boats, a lighthouse."""

from __future__ import annotations

from PIL import Image, ImageDraw

from orux_sandbox.art.palettes import mix
from orux_sandbox.art.scenes.scene import Scene


def draw_sea(scene: Scene) -> None:
    """The sea."""
    dice = scene.dice
    line = scene.horizon + 0.02
    scene.fill(scene.ridge(line - 0.02, 0.025, 4), mix(scene.far, scene.low, 0.25))
    scene.mirror(line, 0.45)
    scene.glitter(line)
    if "boat" in scene.prompt or "ship" in scene.prompt or "sail" in scene.prompt or dice.chance(0.55):
        _boat(scene, dice.between(0.2, 0.8), dice.between(line + 0.07, line + 0.13), dice.between(0.05, 0.08))
    scene.birds(5)
    if "lighthouse" in scene.prompt or dice.chance(0.35):
        _lighthouse(scene, 1 - scene.sun_x + dice.between(-0.06, 0.06), line)
    shore = scene.ridge(0.93, 0.03, 3)
    scene.fill(shore, mix(scene.near, scene.accent, 0.1))


def _boat(scene: Scene, x: float, y: float, size: float) -> None:
    canvas = scene.canvas
    w, h = canvas.across(size), canvas.down(size)
    canvas.shape(
        [
            (x - w, y - h * 0.25),
            (x + w, y - h * 0.25),
            (x + w * 0.65, y + h * 0.15),
            (x - w * 0.7, y + h * 0.15),
        ],
        scene.near,
    )
    canvas.box(x - w * 0.03, y - h * 2.1, x + w * 0.03, y - h * 0.2, scene.near)
    canvas.shape(
        [(x + w * 0.08, y - h * 2.0), (x + w * 0.9, y - h * 0.4), (x + w * 0.08, y - h * 0.4)],
        mix(scene.sun, (255, 255, 255), 0.5),
    )
    canvas.shape(
        [(x - w * 0.08, y - h * 1.8), (x - w * 0.7, y - h * 0.4), (x - w * 0.08, y - h * 0.4)],
        scene.accent,
    )


def _lighthouse(scene: Scene, x: float, line: float) -> None:
    canvas = scene.canvas
    x = min(0.88, max(0.12, x))
    foot, top = line + 0.035, line - 0.33
    w = canvas.across(0.036)
    if not scene.flat:
        towards = 1.0 if x < 0.5 else -1.0
        layer = Image.new("L", (canvas.width // 4, canvas.height // 4))
        beam = [(x, top), (x + towards * 1.1, top - 0.1), (x + towards * 1.1, top + 0.13)]
        ImageDraw.Draw(layer).polygon([(bx * layer.width, by * layer.height) for bx, by in beam], fill=80)
        mask = layer.resize(canvas.image.size, Image.Resampling.BILINEAR)
        canvas.image.paste(mix(scene.sun, (255, 250, 210), 0.6), (0, 0), mask)
    rock = [
        (x - w * 5, foot + 0.02),
        (x - w * 3.4, foot - 0.03),
        (x - w * 1.6, foot - 0.055),
        (x + w * 1.8, foot - 0.05),
        (x + w * 3.2, foot - 0.015),
        (x + w * 4.4, foot + 0.02),
    ]
    canvas.shape(rock, scene.near)
    body_top, body_foot = top + 0.045, foot - 0.03
    stripes = 5
    for stripe in range(stripes):
        a, b = stripe / stripes, (stripe + 1) / stripes
        ya, yb = body_top + (body_foot - body_top) * a, body_top + (body_foot - body_top) * b
        wa, wb = w * (0.62 + 0.38 * a), w * (0.62 + 0.38 * b)
        colour = scene.accent if stripe % 2 == 0 else mix(scene.sun, (255, 255, 255), 0.6)
        canvas.shape([(x - wa, ya), (x + wa, ya), (x + wb, yb), (x - wb, yb)], colour)
    canvas.box(x - w * 0.85, body_top - 0.008, x + w * 0.85, body_top + 0.004, scene.near)
    canvas.box(x - w * 0.45, top, x + w * 0.45, body_top - 0.008, mix(scene.sun, (255, 240, 160), 0.5))
    canvas.shape([(x - w * 0.65, top), (x, top - 0.035), (x + w * 0.65, top)], scene.near)
    if not scene.flat:
        canvas.glow(x, top + 0.018, 0.09, (255, 246, 200), 0.85)
