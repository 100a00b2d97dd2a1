"""Reading and writing the public checkpoints of reference implementations.

One file a family maps names; everything else (files, folders, hubs, and that each variable gets exactly one tensor) is
shared.
"""

from kerasarch.weights.adapters import read_adapters, write_adapters
from kerasarch.weights.export import to_pretrained
from kerasarch.weights.pretrained import build_pretrained, from_pretrained, load_into, preprocessing_of
from kerasarch.weights.sources import open_source
from kerasarch.weights.statistics import assign_statistics

__all__ = [
    "assign_statistics",
    "build_pretrained",
    "from_pretrained",
    "load_into",
    "open_source",
    "preprocessing_of",
    "read_adapters",
    "to_pretrained",
    "write_adapters",
]
