"""The wire of YEScale: one module a family of jobs, since each has its own addresses and answers."""
