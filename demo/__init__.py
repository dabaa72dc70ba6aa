"""``make demo`` and ``make ui``: the main job on your own machine."""
