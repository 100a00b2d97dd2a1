"""Training: transfer learning in stages, learning rates a layer group, the activations of frozen layers kept.

The names are imported on first use, so that a recipe's module can share options without importing Keras.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch.training.arrays import ArrayBatches
    from kerasarch.training.average import WeightAverage
    from kerasarch.training.classification_options import ClassificationOptions
    from kerasarch.training.diffusion import Diffusion
    from kerasarch.training.diffusion_options import DiffusionMethod, DiffusionOptions, UNetDiffusionOptions
    from kerasarch.training.early_stopping import EarlyStopping
    from kerasarch.training.feature_classifier import FeatureClassifier, train_feature_classifier
    from kerasarch.training.forecast_options import ForecastOptions
    from kerasarch.training.generative_options import (
        AdversarialAdamOptions,
        AdversarialOptions,
        AutoencoderOptions,
        GenerativeOptions,
        TranslationOptions,
    )
    from kerasarch.training.gradients import grad, value_and_grad
    from kerasarch.training.group_optimizer import GroupOptimizer
    from kerasarch.training.groups import LayerGroup, layer_groups
    from kerasarch.training.health import DiscriminatorLogs
    from kerasarch.training.language_options import AdaptationOptions, LanguageOptions, MaskedLanguageOptions
    from kerasarch.training.learner import Learner
    from kerasarch.training.objective import Accuracy, SmoothedCrossentropy
    from kerasarch.training.optimizer_set import OptimizerSet
    from kerasarch.training.parallel_options import ParallelTextOptions
    from kerasarch.training.perceptron import Mistakes, PerceptronCriterion, WeightPath
    from kerasarch.training.question_options import QuestionOptions
    from kerasarch.training.rates import group_rates
    from kerasarch.training.schedules import InverseSquareRoot, WarmupCosine
    from kerasarch.training.speech_options import SpeechOptions
    from kerasarch.training.strategies import Stage, plan
    from kerasarch.training.text_options import EncoderOptions, Family, TaggingOptions, TextClassificationOptions
    from kerasarch.training.text_to_image_options import TextSampler, TextToImageOptions
    from kerasarch.training.text_to_text_options import TextToTextOptions
    from kerasarch.training.timeline import Timeline
    from kerasarch.training.token_loss import Perplexity, TokenCrossentropy
    from kerasarch.training.token_metrics import TokenAccuracy, TokenLoss
    from kerasarch.training.transfer import train_strategies
    from kerasarch.training.transfer_options import TransferOptions
    from kerasarch.training.unfreezing import GradualUnfreezing

_HOMES = {
    "AdaptationOptions": "language_options",
    "Accuracy": "objective",
    "AdversarialAdamOptions": "generative_options",
    "AdversarialOptions": "generative_options",
    "ArrayBatches": "arrays",
    "AutoencoderOptions": "generative_options",
    "ClassificationOptions": "classification_options",
    "Diffusion": "diffusion",
    "DiffusionMethod": "diffusion_options",
    "DiffusionOptions": "diffusion_options",
    "DiscriminatorLogs": "health",
    "EarlyStopping": "early_stopping",
    "EncoderOptions": "text_options",
    "Family": "text_options",
    "FeatureClassifier": "feature_classifier",
    "ForecastOptions": "forecast_options",
    "GenerativeOptions": "generative_options",
    "GradualUnfreezing": "unfreezing",
    "GroupOptimizer": "group_optimizer",
    "InverseSquareRoot": "schedules",
    "LanguageOptions": "language_options",
    "LayerGroup": "groups",
    "Learner": "learner",
    "MaskedLanguageOptions": "language_options",
    "Mistakes": "perceptron",
    "OptimizerSet": "optimizer_set",
    "ParallelTextOptions": "parallel_options",
    "PerceptronCriterion": "perceptron",
    "QuestionOptions": "question_options",
    "Perplexity": "token_loss",
    "SmoothedCrossentropy": "objective",
    "SpeechOptions": "speech_options",
    "Stage": "strategies",
    "TaggingOptions": "text_options",
    "TextClassificationOptions": "text_options",
    "TextSampler": "text_to_image_options",
    "TextToImageOptions": "text_to_image_options",
    "TextToTextOptions": "text_to_text_options",
    "Timeline": "timeline",
    "TokenAccuracy": "token_metrics",
    "TokenCrossentropy": "token_loss",
    "TokenLoss": "token_metrics",
    "TransferOptions": "transfer_options",
    "TranslationOptions": "generative_options",
    "UNetDiffusionOptions": "diffusion_options",
    "WarmupCosine": "schedules",
    "WeightAverage": "average",
    "WeightPath": "perceptron",
    "grad": "gradients",
    "group_rates": "rates",
    "layer_groups": "groups",
    "plan": "strategies",
    "train_feature_classifier": "feature_classifier",
    "train_strategies": "transfer",
    "value_and_grad": "gradients",
}

__all__ = [
    "Accuracy",
    "AdaptationOptions",
    "AdversarialAdamOptions",
    "AdversarialOptions",
    "ArrayBatches",
    "AutoencoderOptions",
    "ClassificationOptions",
    "Diffusion",
    "DiffusionMethod",
    "DiffusionOptions",
    "DiscriminatorLogs",
    "EarlyStopping",
    "EncoderOptions",
    "Family",
    "FeatureClassifier",
    "ForecastOptions",
    "GenerativeOptions",
    "GradualUnfreezing",
    "GroupOptimizer",
    "InverseSquareRoot",
    "LanguageOptions",
    "LayerGroup",
    "Learner",
    "MaskedLanguageOptions",
    "Mistakes",
    "OptimizerSet",
    "ParallelTextOptions",
    "PerceptronCriterion",
    "Perplexity",
    "QuestionOptions",
    "SmoothedCrossentropy",
    "SpeechOptions",
    "Stage",
    "TaggingOptions",
    "TextClassificationOptions",
    "TextSampler",
    "TextToImageOptions",
    "TextToTextOptions",
    "Timeline",
    "TokenAccuracy",
    "TokenCrossentropy",
    "TokenLoss",
    "TransferOptions",
    "TranslationOptions",
    "UNetDiffusionOptions",
    "WarmupCosine",
    "WeightAverage",
    "WeightPath",
    "grad",
    "group_rates",
    "layer_groups",
    "plan",
    "train_feature_classifier",
    "train_strategies",
    "value_and_grad",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
