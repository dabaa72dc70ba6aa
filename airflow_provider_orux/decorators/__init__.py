"""``@task.orux_image``."""
