"""Orux AI (orux.md)."""
