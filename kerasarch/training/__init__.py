"""Training: transfer learning in stages, learning rates a layer group, the activations of frozen layers kept."""

from kerasarch.training.group_optimizer import GroupOptimizer
from kerasarch.training.groups import LayerGroup, layer_groups
from kerasarch.training.objective import Accuracy, SmoothedCrossentropy
from kerasarch.training.rates import group_rates
from kerasarch.training.schedules import WarmupCosine
from kerasarch.training.strategies import Stage, plan
from kerasarch.training.timeline import Timeline
from kerasarch.training.unfreezing import GradualUnfreezing

__all__ = [
    "Accuracy",
    "GradualUnfreezing",
    "GroupOptimizer",
    "LayerGroup",
    "SmoothedCrossentropy",
    "Stage",
    "Timeline",
    "WarmupCosine",
    "group_rates",
    "layer_groups",
    "plan",
]
