"""Squeeze-and-excitation for kerasarch: a layer, a model and a recipe, found through entry points."""
