"""Metrics that hold a recipe against its figure."""
