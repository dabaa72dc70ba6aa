"""A drawing surface that does not depend on its size, so that a panel can be enlarged."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from orux_sandbox.art.palettes import Colour, mix

#: A place, as fractions of width and height.
Point = tuple[float, float]


class Canvas:
    """An image addressed by fractions of its width and height."""

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


#: The mask of a soft light, for every size.
_GLOW = _glow()
