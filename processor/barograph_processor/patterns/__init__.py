"""Callers of the engine."""
