"""What a model is made of and what it looks at: sizes and costs of its layers, and pictures of what is inside."""

from kerasarch.inspection.cost import LayerCost, ModelCost, layer_costs
from kerasarch.inspection.cut import cut, map_layers
from kerasarch.inspection.feature_maps import feature_maps
from kerasarch.inspection.grad_cam import grad_cam
from kerasarch.inspection.occlusion import occlusion
from kerasarch.inspection.patch_attention import PatchAttention, patch_attention
from kerasarch.inspection.rollout import attention_rollout
from kerasarch.models import attention_maps

__all__ = [
    "LayerCost",
    "ModelCost",
    "PatchAttention",
    "attention_maps",
    "attention_rollout",
    "cut",
    "feature_maps",
    "grad_cam",
    "layer_costs",
    "map_layers",
    "occlusion",
    "patch_attention",
]
