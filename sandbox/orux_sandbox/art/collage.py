"""Images from images: a blend of several, an edit of one. The same inputs give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageOps

#: How much of the drawn scene shows through, where the recipe does not say.
_SCENE_SHARE = 0.3


def over(
    scene: Image.Image, sources: Sequence[Image.Image], recipe: Mapping[str, Any], mask: Image.Image | None
) -> Image.Image:
    """The scene with the sources laid over it.

    With a mask, the scene shows where the mask is white and the sources everywhere else. Without one it
    shines through a little, so that the prompt is seen to have done something.
    """
    base = _blended(sources, scene.size, turn=int(recipe.get("turn", 0)))
    if mask is not None:
        where = mask.convert("L").resize(scene.size, Image.Resampling.BILINEAR)
        return Image.composite(scene, base, where)
    return Image.blend(base, scene, float(recipe.get("share", _SCENE_SHARE)))


def _blended(sources: Sequence[Image.Image], size: tuple[int, int], *, turn: int) -> Image.Image:
    """The sources melting into each other; ``turn`` says from which side."""
    order = [sources[(number + turn) % len(sources)] for number in range(len(sources))]
    fitted = [ImageOps.fit(one.convert("RGB"), size, Image.Resampling.BILINEAR) for one in order]
    result = fitted[0]
    for number, image in enumerate(fitted[1:], 1):
        ramp = Image.linear_gradient("L")
        # Each further image takes an equal share, beyond a soft edge.
        edge = 255 * number / len(fitted)
        ramp = ramp.point([max(0, min(255, round((v - edge) * 4 + 128))) for v in range(256)])
        side = (turn + 1) % 4
        if side:
            ramp = ramp.rotate(90 * side)
        result = Image.composite(image, result, ramp.resize(size, Image.Resampling.BILINEAR))
    return result
