"""Layers, one public layer a file."""
