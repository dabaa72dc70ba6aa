"""YEScale (yescale.md): one module for each family of jobs."""
