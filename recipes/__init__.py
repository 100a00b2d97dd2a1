"""The built-in recipes, one a file; installed as ``kerasarch.recipes`` and found through the registry."""
