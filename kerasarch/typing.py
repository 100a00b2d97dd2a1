"""Names of types that several floors share."""

from typing import Literal, get_args

Backend = Literal["jax", "tensorflow", "torch"]

BACKENDS: tuple[str, ...] = get_args(Backend)
"""The backends, in the order in which ``--backend all`` runs them."""

EXTRAS = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}
"""The extra of the kerasarch package that installs each backend."""
