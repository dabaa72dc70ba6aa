"""A scene: its colours, its sky, and what several kinds of landscape have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from orux_sandbox.art.canvas import Canvas, Point
from orux_sandbox.art.palettes import Colour, Dice, mix


class Scene:
    """One scene with its dice and colours, drawn onto a canvas."""

    def __init__(self, canvas: Canvas, recipe: Mapping[str, Any]) -> None:
        look = recipe["look"]
        self.canvas = canvas
        self.dice = Dice(str(recipe["seed"]))
        self.prompt = str(recipe["prompt"]).lower()
        colours: list[Colour] = [(c[0], c[1], c[2]) for c in look["colours"]]
        self.top, self.middle, self.low, self.sun, self.far, self.near, self.water, self.accent = colours
        self.sun_x, self.sun_y = look["sun"]
        self.sun_size = look["sun_size"]
        self.horizon = look["horizon"]
        self.dark = look["dark"]
        self.flat = bool(recipe.get("flat"))
        self.subject = look["subject"]
        self.weird = int(recipe.get("weird", 0))
        self.rich = int(recipe.get("stylize", 100))

    def sky(self) -> None:
        """The sky with its light, and stars, moon or clouds."""
        canvas, dice = self.canvas, self.dice
        if self.flat:
            for index, colour in enumerate(
                (self.top, mix(self.top, self.middle, 0.6), self.middle, self.low)
            ):
                canvas.box(0, index * self.horizon / 4, 1, 1, colour)
        else:
            canvas.sky((self.top, self.middle, self.low), self.horizon + 0.1)
            canvas.box(0, self.horizon + 0.1, 1, 1, self.low)
        if self.dark or self.subject == "space":
            for _ in range(70 + self.rich // 10):
                shade = mix(self.top, (255, 255, 255), dice.between(0.35, 0.95))
                canvas.disc(
                    dice.between(0, 1), dice.between(0, self.horizon), dice.between(0.0012, 0.003), shade
                )
        if not self.flat:
            canvas.glow(self.sun_x, self.sun_y, 0.75, self.low, 0.5)
            canvas.glow(self.sun_x, self.sun_y, self.sun_size * 3.2, self.sun, 0.75)
        if self.subject != "space":
            if self.dark:
                self._moon()
            else:
                canvas.disc(self.sun_x, self.sun_y, self.sun_size, self.sun)
            self._clouds()

    def _moon(self) -> None:
        """A crescent: a disc without the part that another disc covers, so that the sky shows through."""
        canvas = self.canvas
        r, cx, cy = self.sun_size * canvas.unit, self.sun_x * canvas.width, self.sun_y * canvas.height
        mask = Image.new("L", (max(1, round(2 * r)), max(1, round(2 * r))))
        pen = ImageDraw.Draw(mask)
        pen.ellipse((0, 0, 2 * r, 2 * r), fill=255)
        pen.ellipse((r * 0.62, -r * 0.3, r * 2.38, r * 1.5), fill=0)
        canvas.image.paste(self.sun, (round(cx - r), round(cy - r)), mask)

    def _clouds(self) -> None:
        canvas, dice = self.canvas, self.dice
        for _ in range(3 + dice.below(3) + self.rich // 300):
            x, y = dice.between(-0.05, 1.0), dice.between(0.06, self.horizon - 0.14)
            length = dice.between(0.1, 0.26)
            colour = mix(
                mix(self.middle, self.low, y / self.horizon), (255, 255, 255), 0.16 if self.dark else 0.4
            )
            thick = dice.between(0.012, 0.022)
            for row in range(3):
                left = x + dice.between(0, 0.06)
                right = left + canvas.across(length * (1 - 0.25 * row))
                middle = y - canvas.down(row * thick * 1.1)
                canvas.pen.rounded_rectangle(
                    (
                        left * canvas.width,
                        middle * canvas.height - thick * canvas.unit / 2,
                        right * canvas.width,
                        middle * canvas.height + thick * canvas.unit / 2,
                    ),
                    radius=thick * canvas.unit / 2,
                    fill=colour,
                )

    def birds(self, count: int) -> None:
        """A flock of birds."""
        canvas, dice = self.canvas, self.dice
        x, y = dice.between(0.2, 0.7), dice.between(0.12, 0.3)
        for _ in range(count):
            bx, by = x + dice.between(-0.12, 0.12), y + dice.between(-0.05, 0.05)
            wing = dice.between(0.009, 0.017)
            points = [
                (bx - canvas.across(wing), by - canvas.down(wing * 0.5)),
                (bx, by),
                (bx + canvas.across(wing), by - canvas.down(wing * 0.5)),
            ]
            canvas.stroke(points, mix(self.near, self.top, 0.2), 0.003)

    def ridge(self, base: float, height: float, roughness: int, *, sharp: bool = False) -> list[Point]:
        """A line of hills from left to right around ``base``."""
        dice = self.dice
        waves = [
            (dice.between(1.2, 2.2) * 1.9**octave, dice.between(0, math.tau), height * 0.52**octave)
            for octave in range(roughness)
        ]
        points = []
        steps = 180
        for step in range(steps + 1):
            x = step / steps
            lift = 0.0
            for frequency, phase, amplitude in waves:
                wave = math.sin(frequency * x * math.pi + phase)
                lift += amplitude * (1 - 2 * abs(wave) if sharp else wave)
            points.append((x, base - lift))
        return points

    def fill(self, ridge: Sequence[Point], colour: Colour) -> None:
        """Fill everything below a ridge."""
        self.canvas.shape([*ridge, (1.0, 1.0), (0.0, 1.0)], colour)

    def height(self, ridge: Sequence[Point], x: float) -> float:
        """How high a ridge is at ``x``."""
        return ridge[min(len(ridge) - 1, max(0, round(x * (len(ridge) - 1))))][1]

    def mirror(self, line: float, strength: float) -> None:
        """Water: the sky upside down, with the water's own colour over it."""
        canvas = self.canvas
        seam = round(line * canvas.height)
        rest = canvas.height - seam
        above = canvas.image.crop((0, max(0, seam - rest), canvas.width, seam)).transpose(
            Image.Transpose.FLIP_TOP_BOTTOM
        )
        canvas.image.paste(above.resize((canvas.width, rest)) if above.height != rest else above, (0, seam))
        canvas.image.paste(
            self.water,
            (0, seam, canvas.width, canvas.height),
            Image.new("L", (canvas.width, rest), int(255 * strength)),
        )
        if not self.flat:
            canvas.veil(line, 1.0, mix(self.water, self.near, 0.6), 0.55)

    def glitter(self, line: float) -> None:
        """The light on the water."""
        canvas, dice = self.canvas, self.dice
        for _ in range(150):
            depth = dice.between(0, 1) ** 1.6
            y = line + 0.006 + depth * (0.94 - line)
            near_sun = dice.chance(0.55)
            spread = 0.03 + 0.12 * depth
            x = self.sun_x + dice.between(-spread, spread) if near_sun else dice.between(0, 1)
            length = canvas.across((0.008 + 0.05 * depth) * dice.between(0.4, 1.0))
            colour = (
                mix(self.water, self.sun, 0.85)
                if near_sun
                else mix(self.water, self.low, dice.between(0.2, 0.6))
            )
            canvas.box(x - length, y, x + length, y + canvas.down(0.0014 + 0.0035 * depth), colour)

    def strange_things(self) -> None:
        """``weird``: shapes that do not belong."""
        canvas, dice = self.canvas, Dice(f"weird/{self.sun_x}/{self.sun_y}")
        for _ in range(math.ceil(self.weird / 400)):
            x, y, size = dice.between(0.1, 0.9), dice.between(0.1, 0.65), dice.between(0.03, 0.1)
            colour = mix(self.accent, self.sun, dice.between(0, 1))
            kind = dice.below(3)
            cx, cy, r = x * canvas.width, y * canvas.height, size * canvas.unit
            if kind == 0:
                canvas.pen.ellipse(
                    (cx - r, cy - r, cx + r, cy + r), outline=colour, width=max(1, round(r * 0.16))
                )
            elif kind == 1:
                canvas.shape(
                    [
                        (x, y - canvas.down(size)),
                        (x + canvas.across(size), y),
                        (x, y + canvas.down(size)),
                        (x - canvas.across(size), y),
                    ],
                    colour,
                )
            else:
                canvas.disc(x, y, size * 0.8, mix(colour, (255, 255, 255), 0.7))
                canvas.disc(x, y, size * 0.42, self.water)
                canvas.disc(x, y, size * 0.2, (16, 12, 24))
