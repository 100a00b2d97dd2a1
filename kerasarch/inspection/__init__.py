"""What a model is made of and what it looks at: sizes and costs of its layers, and pictures of what is inside."""

from kerasarch.inspection.cost import LayerCost, ModelCost, layer_costs

__all__ = ["LayerCost", "ModelCost", "layer_costs"]
