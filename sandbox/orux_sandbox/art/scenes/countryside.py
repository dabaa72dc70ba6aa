"""The countryside: hills with trees and houses, and forests."""

from __future__ import annotations

from orux_sandbox.art.palettes import mix
from orux_sandbox.art.scenes.scene import Scene
from orux_sandbox.art.scenes.trees import pine, round_tree


def draw_hills(scene: Scene) -> None:
    """Hills."""
    canvas, dice, layers = scene.canvas, scene.dice, 5
    scene.birds(4)
    for layer in range(layers):
        share = layer / (layers - 1)
        base = scene.horizon + 0.02 + share * (0.86 - scene.horizon)
        ridge = scene.ridge(base, 0.05 + 0.018 * layer, 2 + layer // 2)
        colour = mix(scene.far, scene.near, share**0.9)
        scene.fill(ridge, colour)
        if not scene.flat and layer < layers - 1:
            canvas.veil(base - 0.02, base + 0.16, mix(scene.low, colour, 0.35), 0.45)
        for _ in range((0, 5, 8, 6, 3)[layer]):
            x = dice.between(0, 1)
            round_tree(scene, x, scene.height(ridge, x), 0.012 + 0.012 * layer, mix(colour, scene.near, 0.45))
        if layer == 2:
            x = dice.between(0.15, 0.85)
            _house(scene, x, scene.height(ridge, x), 0.035)
    if dice.chance(0.6) or "balloon" in scene.prompt:
        _balloon(scene, dice.between(0.15, 0.85), dice.between(0.16, 0.4), dice.between(0.035, 0.055))


def _house(scene: Scene, x: float, y: float, size: float) -> None:
    canvas = scene.canvas
    w, h = canvas.across(size), canvas.down(size)
    canvas.box(x - w, y - h, x + w, y + h * 0.4, mix(scene.low, (255, 255, 255), 0.3))
    canvas.shape([(x - w * 1.25, y - h), (x, y - h * 2.1), (x + w * 1.25, y - h)], scene.accent)
    canvas.box(x - w * 0.55, y - h * 0.6, x - w * 0.05, y - h * 0.1, mix(scene.sun, (255, 200, 90), 0.6))
    canvas.box(x + w * 0.25, y - h * 0.6, x + w * 0.7, y + h * 0.4, scene.near)


def _balloon(scene: Scene, x: float, y: float, size: float) -> None:
    canvas = scene.canvas
    w, h = canvas.across(size), canvas.down(size)
    canvas.stroke([(x - w * 0.7, y + h * 0.6), (x - w * 0.2, y + h * 1.9)], scene.near, 0.002)
    canvas.stroke([(x + w * 0.7, y + h * 0.6), (x + w * 0.2, y + h * 1.9)], scene.near, 0.002)
    canvas.shape(
        [
            (x - w * 0.85, y + h * 0.5),
            (x + w * 0.85, y + h * 0.5),
            (x + w * 0.2, y + h * 1.5),
            (x - w * 0.2, y + h * 1.5),
        ],
        scene.accent,
    )
    canvas.disc(x, y, size, scene.accent)
    cx, cy, r = x * canvas.width, y * canvas.height, size * canvas.unit
    canvas.pen.ellipse(
        (cx - r * 0.42, cy - r, cx + r * 0.42, cy + r), fill=mix(scene.accent, (255, 255, 255), 0.65)
    )
    canvas.box(x - w * 0.24, y + h * 1.75, x + w * 0.24, y + h * 2.1, mix(scene.near, (120, 80, 50), 0.6))


def draw_forest(scene: Scene) -> None:
    """A forest."""
    dice, layers = scene.dice, 5
    scene.birds(3)
    for layer in range(layers):
        share = layer / (layers - 1)
        base = scene.horizon + 0.06 + 0.34 * share
        ridge = scene.ridge(base, 0.03 + 0.01 * layer, 3)
        colour = mix(scene.far, scene.near, share)
        scene.fill(ridge, colour)
        size = 0.05 + 0.045 * layer
        count = (26, 20, 15, 10, 6)[layer]
        for tree in range(count):
            x = (tree + dice.between(0.1, 0.9)) / count
            pine(scene, x, scene.height(ridge, x) + 0.01, size * dice.between(0.7, 1.25), colour)
        if not scene.flat and layer < layers - 1:
            scene.canvas.veil(base - size * 0.9, base + 0.1, mix(scene.low, colour, 0.25), 0.55)
