"""Saving artifacts."""
