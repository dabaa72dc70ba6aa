"""``@task.orux_image``, ``orux_job``, ``orux_imagine``, ``orux_upscale``, ``orux_variation``."""
