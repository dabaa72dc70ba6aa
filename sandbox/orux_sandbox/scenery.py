"""Scenes: landscapes that grow from a seed. The same scene at any size, so that a panel can be enlarged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image, ImageChops, ImageDraw

from orux_sandbox.palettes import Colour, Dice, mix

Point = tuple[float, float]


class Canvas:
    """A picture addressed by fractions of its width and height, so that nothing depends on its size."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = min(width, height)
        self.image = Image.new("RGB", (width, height))
        self.pen = ImageDraw.Draw(self.image)

    def spots(self, points: Sequence[Point]) -> list[Point]:
        """Fractions to pixels."""
        return [(x * self.width, y * self.height) for x, y in points]

    def across(self, length: float) -> float:
        """A length in units of the short side, as a fraction of the width."""
        return length * self.unit / self.width

    def down(self, length: float) -> float:
        """A length in units of the short side, as a fraction of the height."""
        return length * self.unit / self.height

    def sky(self, stops: Sequence[Colour], bottom: float = 1.0) -> None:
        """Fill from the top to ``bottom`` with a vertical gradient."""
        steps = 256
        column = Image.new("RGB", (1, steps))
        for step in range(steps):
            place = step / (steps - 1) * (len(stops) - 1)
            index = min(int(place), len(stops) - 2)
            column.putpixel((0, step), mix(stops[index], stops[index + 1], place - index))
        tall = max(1, round(self.height * bottom))
        self.image.paste(column.resize((self.width, tall), Image.Resampling.BILINEAR), (0, 0))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """A soft light. ``radius`` in units of the short side."""
        side = max(2, round(2 * radius * self.unit))
        mask = _GLOW.resize((side, side), Image.Resampling.BILINEAR).point(lambda v: int(v * strength))
        corner = (round(x * self.width - side / 2), round(y * self.height - side / 2))
        self.image.paste(colour, (*corner, corner[0] + side, corner[1] + side), mask)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle. ``radius`` in units of the short side."""
        r, cx, cy = radius * self.unit, x * self.width, y * self.height
        self.pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=colour)

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self.pen.polygon(self.spots(points), fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.pen.rectangle(
            (left * self.width, top * self.height, right * self.width, bottom * self.height), fill=colour
        )

    def stroke(self, points: Sequence[Point], colour: Colour, thickness: float) -> None:
        """A line; ``thickness`` in units of the short side."""
        self.pen.line(
            self.spots(points), fill=colour, width=max(1, round(thickness * self.unit)), joint="curve"
        )

    def veil(self, top: float, bottom: float, colour: Colour, strength: float) -> None:
        """Mist: a band that is thickest at its lower edge."""
        upper, lower = round(top * self.height), round(bottom * self.height)
        if lower <= upper:
            return
        ramp = Image.linear_gradient("L").point(lambda v: int(v * strength))
        mask = ramp.resize((self.width, lower - upper), Image.Resampling.BILINEAR)
        self.image.paste(colour, (0, upper, self.width, lower), mask)


def _glow() -> Image.Image:
    falling = ImageChops.invert(Image.radial_gradient("L"))
    # Squared: bright in the middle, no visible rim.
    return falling.point(lambda v: int(max(0, v - 64) ** 2 * 255 / 191**2))


_GLOW = _glow()


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

    def draw(self) -> None:
        """Everything, back to front."""
        subjects: Mapping[str, Callable[[], None]] = {
            "sea": self._sea,
            "city": self._city,
            "forest": self._forest,
            "dunes": self._dunes,
            "space": self._space,
            "peaks": self._peaks,
            "hills": self._hills,
        }
        self._sky()
        subjects[self.subject]()
        self._strange_things()

    # Sky

    def _sky(self) -> None:
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

    def _birds(self, count: int) -> None:
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

    # Ground

    def _ridge(self, base: float, height: float, roughness: int, *, sharp: bool = False) -> list[Point]:
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

    def _fill(self, ridge: Sequence[Point], colour: Colour) -> None:
        self.canvas.shape([*ridge, (1.0, 1.0), (0.0, 1.0)], colour)

    def _height(self, ridge: Sequence[Point], x: float) -> float:
        return ridge[min(len(ridge) - 1, max(0, round(x * (len(ridge) - 1))))][1]

    def _hills(self) -> None:
        canvas, dice, layers = self.canvas, self.dice, 5
        self._birds(4)
        for layer in range(layers):
            share = layer / (layers - 1)
            base = self.horizon + 0.02 + share * (0.86 - self.horizon)
            ridge = self._ridge(base, 0.05 + 0.018 * layer, 2 + layer // 2)
            colour = mix(self.far, self.near, share**0.9)
            self._fill(ridge, colour)
            if not self.flat and layer < layers - 1:
                canvas.veil(base - 0.02, base + 0.16, mix(self.low, colour, 0.35), 0.45)
            for _ in range((0, 5, 8, 6, 3)[layer]):
                x = dice.between(0, 1)
                self._round_tree(
                    x, self._height(ridge, x), 0.012 + 0.012 * layer, mix(colour, self.near, 0.45)
                )
            if layer == 2:
                x = dice.between(0.15, 0.85)
                self._house(x, self._height(ridge, x), 0.035)
        if dice.chance(0.6) or "balloon" in self.prompt:
            self._balloon(dice.between(0.15, 0.85), dice.between(0.16, 0.4), dice.between(0.035, 0.055))

    def _round_tree(self, x: float, y: float, size: float, colour: Colour) -> None:
        canvas = self.canvas
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
            mix(colour, self.low, 0.14),
        )

    def _house(self, x: float, y: float, size: float) -> None:
        canvas = self.canvas
        w, h = canvas.across(size), canvas.down(size)
        canvas.box(x - w, y - h, x + w, y + h * 0.4, mix(self.low, (255, 255, 255), 0.3))
        canvas.shape([(x - w * 1.25, y - h), (x, y - h * 2.1), (x + w * 1.25, y - h)], self.accent)
        canvas.box(x - w * 0.55, y - h * 0.6, x - w * 0.05, y - h * 0.1, mix(self.sun, (255, 200, 90), 0.6))
        canvas.box(x + w * 0.25, y - h * 0.6, x + w * 0.7, y + h * 0.4, self.near)

    def _balloon(self, x: float, y: float, size: float) -> None:
        canvas = self.canvas
        w, h = canvas.across(size), canvas.down(size)
        canvas.stroke([(x - w * 0.7, y + h * 0.6), (x - w * 0.2, y + h * 1.9)], self.near, 0.002)
        canvas.stroke([(x + w * 0.7, y + h * 0.6), (x + w * 0.2, y + h * 1.9)], self.near, 0.002)
        canvas.shape(
            [
                (x - w * 0.85, y + h * 0.5),
                (x + w * 0.85, y + h * 0.5),
                (x + w * 0.2, y + h * 1.5),
                (x - w * 0.2, y + h * 1.5),
            ],
            self.accent,
        )
        canvas.disc(x, y, size, self.accent)
        cx, cy, r = x * canvas.width, y * canvas.height, size * canvas.unit
        canvas.pen.ellipse(
            (cx - r * 0.42, cy - r, cx + r * 0.42, cy + r), fill=mix(self.accent, (255, 255, 255), 0.65)
        )
        canvas.box(x - w * 0.24, y + h * 1.75, x + w * 0.24, y + h * 2.1, mix(self.near, (120, 80, 50), 0.6))

    # Sea

    def _sea(self) -> None:
        dice = self.dice
        line = self.horizon + 0.02
        self._fill(self._ridge(line - 0.02, 0.025, 4), mix(self.far, self.low, 0.25))
        self._mirror(line, 0.45)
        self._glitter(line)
        if "boat" in self.prompt or "ship" in self.prompt or "sail" in self.prompt or dice.chance(0.55):
            self._boat(
                dice.between(0.2, 0.8), dice.between(line + 0.07, line + 0.13), dice.between(0.05, 0.08)
            )
        self._birds(5)
        if "lighthouse" in self.prompt or dice.chance(0.35):
            self._lighthouse(1 - self.sun_x + dice.between(-0.06, 0.06), line)
        shore = self._ridge(0.93, 0.03, 3)
        self._fill(shore, mix(self.near, self.accent, 0.1))

    def _mirror(self, line: float, strength: float) -> None:
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

    def _glitter(self, line: float) -> None:
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

    def _boat(self, x: float, y: float, size: float) -> None:
        canvas = self.canvas
        w, h = canvas.across(size), canvas.down(size)
        canvas.shape(
            [
                (x - w, y - h * 0.25),
                (x + w, y - h * 0.25),
                (x + w * 0.65, y + h * 0.15),
                (x - w * 0.7, y + h * 0.15),
            ],
            self.near,
        )
        canvas.box(x - w * 0.03, y - h * 2.1, x + w * 0.03, y - h * 0.2, self.near)
        canvas.shape(
            [(x + w * 0.08, y - h * 2.0), (x + w * 0.9, y - h * 0.4), (x + w * 0.08, y - h * 0.4)],
            mix(self.sun, (255, 255, 255), 0.5),
        )
        canvas.shape(
            [(x - w * 0.08, y - h * 1.8), (x - w * 0.7, y - h * 0.4), (x - w * 0.08, y - h * 0.4)],
            self.accent,
        )

    def _lighthouse(self, x: float, line: float) -> None:
        canvas = self.canvas
        x = min(0.88, max(0.12, x))
        foot, top = line + 0.035, line - 0.33
        w = canvas.across(0.036)
        if not self.flat:
            towards = 1.0 if x < 0.5 else -1.0
            layer = Image.new("L", (canvas.width // 4, canvas.height // 4))
            beam = [(x, top), (x + towards * 1.1, top - 0.1), (x + towards * 1.1, top + 0.13)]
            ImageDraw.Draw(layer).polygon([(bx * layer.width, by * layer.height) for bx, by in beam], fill=80)
            mask = layer.resize(canvas.image.size, Image.Resampling.BILINEAR)
            canvas.image.paste(mix(self.sun, (255, 250, 210), 0.6), (0, 0), mask)
        rock = [
            (x - w * 5, foot + 0.02),
            (x - w * 3.4, foot - 0.03),
            (x - w * 1.6, foot - 0.055),
            (x + w * 1.8, foot - 0.05),
            (x + w * 3.2, foot - 0.015),
            (x + w * 4.4, foot + 0.02),
        ]
        canvas.shape(rock, self.near)
        body_top, body_foot = top + 0.045, foot - 0.03
        stripes = 5
        for stripe in range(stripes):
            a, b = stripe / stripes, (stripe + 1) / stripes
            ya, yb = body_top + (body_foot - body_top) * a, body_top + (body_foot - body_top) * b
            wa, wb = w * (0.62 + 0.38 * a), w * (0.62 + 0.38 * b)
            colour = self.accent if stripe % 2 == 0 else mix(self.sun, (255, 255, 255), 0.6)
            canvas.shape([(x - wa, ya), (x + wa, ya), (x + wb, yb), (x - wb, yb)], colour)
        canvas.box(x - w * 0.85, body_top - 0.008, x + w * 0.85, body_top + 0.004, self.near)
        canvas.box(x - w * 0.45, top, x + w * 0.45, body_top - 0.008, mix(self.sun, (255, 240, 160), 0.5))
        canvas.shape([(x - w * 0.65, top), (x, top - 0.035), (x + w * 0.65, top)], self.near)
        if not self.flat:
            canvas.glow(x, top + 0.018, 0.09, (255, 246, 200), 0.85)

    # City

    def _city(self) -> None:
        canvas, dice, layers = self.canvas, self.dice, 4
        for layer in range(layers):
            share = layer / (layers - 1)
            base = self.horizon + 0.06 + 0.2 * share
            colour = mix(self.far, self.near, share)
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
                    self._windows(x, top, width, base, colour)
                if layer >= 2 and dice.chance(0.28):
                    self._sign(x + width * dice.between(0.15, 0.6), top + 0.04, dice.between(0.08, 0.14))
                x += width + dice.between(0.0, 0.02)
            if not self.flat:
                canvas.veil(base - 0.05, base + 0.16, mix(self.low, colour, 0.5), 0.35)
        floor = self.horizon + 0.26
        canvas.box(0, floor, 1, 1, mix(self.near, self.far, 0.12))
        self._mirror(floor, 0.5)
        if "rain" in self.prompt:
            for _ in range(140):
                x, y = dice.between(0, 1), dice.between(0, 0.95)
                canvas.stroke([(x, y), (x - 0.008, y + 0.035)], mix(self.middle, self.sun, 0.4), 0.0015)

    def _windows(self, x: float, top: float, width: float, bottom: float, wall: Colour) -> None:
        canvas, dice = self.canvas, self.dice
        columns = max(2, round(width / 0.016))
        pitch = width / columns
        y = top + 0.015
        while y < bottom + 0.05:
            for column in range(columns):
                if dice.chance(0.42):
                    light = (
                        mix(self.accent, self.sun, dice.between(0.2, 1.0))
                        if dice.chance(0.75)
                        else mix(wall, self.low, 0.5)
                    )
                    left = x + pitch * (column + 0.25)
                    canvas.box(left, y, left + pitch * 0.5, y + 0.011, light)
            y += 0.024

    def _sign(self, x: float, y: float, height: float) -> None:
        canvas = self.canvas
        if not self.flat:
            canvas.glow(x + 0.01, y + height / 2, height * 0.9, self.accent, 0.5)
        canvas.box(x, y, x + canvas.across(0.022), y + height, self.accent)
        for bar in range(4):
            top = y + height * (0.12 + 0.22 * bar)
            canvas.box(
                x + canvas.across(0.005),
                top,
                x + canvas.across(0.017),
                top + height * 0.1,
                mix(self.accent, (255, 255, 255), 0.85),
            )

    # Forest

    def _forest(self) -> None:
        dice, layers = self.dice, 5
        self._birds(3)
        for layer in range(layers):
            share = layer / (layers - 1)
            base = self.horizon + 0.06 + 0.34 * share
            ridge = self._ridge(base, 0.03 + 0.01 * layer, 3)
            colour = mix(self.far, self.near, share)
            self._fill(ridge, colour)
            size = 0.05 + 0.045 * layer
            count = (26, 20, 15, 10, 6)[layer]
            for tree in range(count):
                x = (tree + dice.between(0.1, 0.9)) / count
                self._pine(x, self._height(ridge, x) + 0.01, size * dice.between(0.7, 1.25), colour)
            if not self.flat and layer < layers - 1:
                self.canvas.veil(base - size * 0.9, base + 0.1, mix(self.low, colour, 0.25), 0.55)

    def _pine(self, x: float, y: float, size: float, colour: Colour) -> None:
        canvas = self.canvas
        w, h = canvas.across(size * 0.3), canvas.down(size)
        light = mix(colour, self.low, 0.13)
        for tier in range(4):
            share = tier / 4
            top, foot, half = (
                y - h * (1.5 - share * 1.05),
                y - h * (0.85 - share * 0.95),
                w * (0.45 + 0.55 * share),
            )
            canvas.shape([(x, top), (x + half, foot), (x - half, foot)], colour)
            side = -half if self.sun_x < x else half
            canvas.shape([(x, top), (x + side, foot), (x + side * 0.35, foot)], light)

    # Desert

    def _dunes(self) -> None:
        canvas, dice = self.canvas, self.dice
        self._fill(self._ridge(self.horizon + 0.03, 0.008, 2), mix(self.low, self.accent, 0.2))
        if "pyramid" in self.prompt or dice.chance(0.5):
            for _ in range(1 + dice.below(3)):
                x, size = dice.between(0.15, 0.85), dice.between(0.08, 0.17)
                foot, half = self.horizon + 0.06, canvas.across(size * 1.15)
                peak = (x + half * 0.12, foot - canvas.down(size))
                lit = mix(self.far, self.sun, 0.35)
                canvas.shape([(x - half, foot), peak, (x + half, foot)], mix(self.far, self.near, 0.35))
                edge = x - half * 0.3 if self.sun_x > x else x + half * 0.3
                side = x + half if self.sun_x > x else x - half
                canvas.shape([(edge, foot), peak, (side, foot)], lit)
        for layer in range(5):
            share = layer / 4
            ridge = self._ridge(self.horizon + 0.04 + share * 0.3, 0.045 + 0.012 * layer, 2)
            lit = mix(mix(self.low, self.accent, 0.35), self.near, 0.1 + 0.6 * share)
            self._fill(ridge, lit)
            # The lee side of a dune: the same crest, falling away faster.
            lee = [
                (x, y + 0.012 + 0.075 * max(0.0, math.sin(x * math.pi * 2.2 + layer * 1.9))) for x, y in ridge
            ]
            canvas.shape([*ridge, *reversed(lee)], mix(lit, self.near, 0.35))
            if layer in (2, 3):
                for _ in range(2 + dice.below(2)):
                    x = dice.between(0.05, 0.95)
                    self._cactus(x, self._height(ridge, x) + 0.02, 0.03 + 0.018 * layer)

    def _cactus(self, x: float, y: float, size: float) -> None:
        canvas = self.canvas
        w, h = canvas.across(size), canvas.down(size)
        colour = mix(self.near, (34, 92, 66), 0.35)
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

    # Space

    def _space(self) -> None:
        canvas, dice = self.canvas, self.dice
        canvas.sky(
            (
                mix(self.top, (4, 4, 16), 0.6),
                mix(self.top, self.middle, 0.35),
                mix(self.middle, self.near, 0.45),
            )
        )
        if not self.flat:
            for _ in range(6):
                colour = (self.middle, self.low, self.accent)[dice.below(3)]
                canvas.glow(dice.between(0, 1), dice.between(0.05, 0.9), dice.between(0.25, 0.6), colour, 0.3)
        for _ in range(190):
            shade = mix(self.top, (255, 255, 255), dice.between(0.35, 1.0))
            canvas.disc(dice.between(0, 1), dice.between(0, 1), dice.between(0.001, 0.0034), shade)
        size = 0.16 + self.sun_size * 0.7
        x, y = self.sun_x, self.sun_y + 0.12
        self._planet(x, y, size, self.accent)
        self._planet(
            1 - x + dice.between(-0.08, 0.08), dice.between(0.16, 0.5), dice.between(0.03, 0.06), self.low
        )
        ridge = self._ridge(0.86, 0.04, 5, sharp=True)
        self._fill(ridge, mix(self.near, (0, 0, 0), 0.3))
        rocket = dice.between(0.12, 0.88)
        self._rocket(rocket, self._height(ridge, rocket) + 0.01, 0.05)

    def _planet(self, x: float, y: float, size: float, colour: Colour) -> None:
        canvas = self.canvas
        if not self.flat:
            canvas.glow(x, y, size * 1.7, colour, 0.5)
        cx, cy, r = x * canvas.width, y * canvas.height, size * canvas.unit
        ring = (cx - r * 1.75, cy - r * 0.42, cx + r * 1.75, cy + r * 0.42)
        thick = max(1, round(r * 0.13))
        pale = mix(self.low, (255, 255, 255), 0.4)
        if size > 0.1:
            canvas.pen.arc(ring, 180, 360, fill=pale, width=thick)
        canvas.disc(x, y, size, mix(colour, self.near, 0.5))
        towards = -0.16 if x < 0.5 else 0.16
        for step in range(5):
            share = step / 5
            canvas.disc(
                x + canvas.across(size * towards * share),
                y - canvas.down(size * 0.14 * share),
                size * (1 - 0.16 * share - 0.02),
                mix(mix(colour, self.near, 0.4), mix(colour, (255, 255, 255), 0.25), share),
            )
        if size > 0.1:
            canvas.pen.arc(ring, 0, 180, fill=pale, width=thick)

    def _rocket(self, x: float, y: float, size: float) -> None:
        canvas = self.canvas
        w, h = canvas.across(size * 0.3), canvas.down(size)
        canvas.shape([(x - w * 2, y), (x - w, y - h * 0.7), (x - w * 0.8, y)], self.accent)
        canvas.shape([(x + w * 2, y), (x + w, y - h * 0.7), (x + w * 0.8, y)], self.accent)
        canvas.shape(
            [(x - w, y), (x - w, y - h * 1.4), (x, y - h * 2.1), (x + w, y - h * 1.4), (x + w, y)],
            mix(self.sun, (255, 255, 255), 0.6),
        )
        canvas.disc(x, y - h * 1.2, size * 0.14, self.water)

    # Mountains

    def _peaks(self) -> None:
        canvas, dice = self.canvas, self.dice
        line = self.horizon + 0.12
        for layer in range(3):
            share = layer / 2
            count = (5, 4, 3)[layer]
            colour = mix(self.far, self.near, 0.15 + 0.5 * share)
            for peak in range(count):
                x = (peak + dice.between(0.1, 0.9)) / count
                self._mountain(x, line, dice.between(0.26, 0.4) - 0.085 * layer, colour)
            if not self.flat:
                canvas.veil(line - 0.14, line, mix(self.low, colour, 0.3), 0.5)
        self._mirror(line, 0.35)
        self._glitter(line)
        bank = self._ridge(0.93, 0.03, 3)
        self._fill(bank, self.near)
        for tree in range(13):
            x = (tree + dice.between(0, 1)) / 13
            if abs(x - self.sun_x) > 0.1:
                self._pine(
                    x, self._height(bank, x) + 0.01, dice.between(0.08, 0.17), mix(self.near, self.far, 0.08)
                )
        self._birds(3)

    def _mountain(self, x: float, foot: float, height: float, colour: Colour) -> None:
        canvas, dice = self.canvas, self.dice
        half = canvas.across(height * dice.between(0.9, 1.2))
        top = foot - height
        canvas.shape([(x - half, foot), (x, top), (x + half, foot)], colour)
        lit = half if self.sun_x > x else -half
        crease = [
            (x, top),
            (x + lit * 0.12, top + height * 0.3),
            (x - lit * 0.04, top + height * 0.62),
            (x + lit * 0.1, foot),
        ]
        canvas.shape([*crease, (x + lit, foot)], mix(colour, self.low, 0.3))
        white = mix(self.low, (255, 255, 255), 0.72)
        edge = [dice.between(0.24, 0.34) + (0.1 if step % 2 else 0.0) for step in range(9)]
        # The snow line wanders between the two slopes, which are at +-reach of the way out when reach down.
        cap = [(x + half * reach * (step / 4 - 1), top + height * reach) for step, reach in enumerate(edge)]
        canvas.shape([(x, top), *cap], white)
        shady = cap[:5] if lit > 0 else cap[4:]
        canvas.shape([(x, top), *shady], mix(white, colour, 0.3))

    # Options one can see

    def _strange_things(self) -> None:
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
