"""Landscapes: one module for each kind of subject."""
