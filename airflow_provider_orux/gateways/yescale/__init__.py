"""The wire of YEScale: one module per family of jobs, each with its own paths and answers."""
