"""What the models of this package are checked with: ``kerasarch test resnet``."""

from kerasarch.testing.example import Example, Integers

_UNET = {"widths": (4, 8), "depth": 1, "groups": 2, "channels": 2, "output_channels": 1}
_AUTOENCODER = {"widths": (4, 8), "groups": 2, "channels": 2, "output_channels": 1}
_ENCODER = {"vocabulary": 9, "width": 8, "depth": 1, "heads": 2, "hidden": 12, "head": "masked_lm"}
# A bias of the keys shifts every score of a query alike, which softmax does not see.
_KEYS = ("key/bias",)

BUILT_IN = {
    "kerasarch.models.resnet:resnet": [
        Example({"variant": "resnet8_small", "classes": 3, "input_shape": (16, 16, 1)}, [(2, 16, 16, 1)]),
        Example({"variant": "resnet50", "classes": 3, "input_shape": (17, 15, 3), "widths": (8, 16),
                 "depths": (1, 1), "stem_width": 8}, [(2, 17, 15, 3)]),
    ],
    "kerasarch.models.mobilenet_v2:mobilenet_v2": [
        Example({"alpha": 0.35, "classes": 3, "input_shape": (32, 32, 3)}, [(2, 32, 32, 3)]),
    ],
    "kerasarch.models.efficientnet:efficientnet": [
        Example({"classes": 3, "input_shape": (9, 8, 1), "stages": ((1, 4, 1, 1, 3), (2, 4, 2, 2, 5)), "stem_width": 4,
                 "top_width": 8}, [(2, 9, 8, 1)]),
    ],
    "kerasarch.models.convnext:convnext": [
        Example({"classes": 3, "input_shape": (9, 11, 1), "depths": (1, 1), "widths": (4, 6), "layer_scale": 0.5},
                [(2, 9, 11, 1)]),
    ],
    "kerasarch.models.vgg:vgg": [
        Example({"variant": "vgg11_bn", "classes": 3, "input_shape": (9, 8, 3), "depths": (1, 2), "widths": (4, 6),
                 "hidden": (8, 7), "pool": 2}, [(2, 9, 8, 3)]),
    ],
    "kerasarch.models.densenet:densenet": [
        Example({"variant": "densenet100_small", "classes": 3, "input_shape": (8, 9, 1), "depths": (2, 1), "growth": 3,
                 "stem_width": 4}, [(2, 8, 9, 1)]),
    ],
    "kerasarch.models.alexnet:alexnet": [
        Example({"variant": "alexnet_2012", "classes": 3, "input_shape": (64, 63, 3), "widths": (4, 5, 6, 7, 8),
                 "hidden": (9, 7), "pool": 2}, [(2, 64, 63, 3)]),
    ],
    "kerasarch.models.lenet:lenet": [Example({"classes": 3}, [(2, 28, 28, 1)])],
    "kerasarch.models.mlp:mlp": [
        Example({"classes": 3, "input_shape": (4, 3, 2), "width": 6, "norm": "layer"}, [(2, 4, 3, 2)]),
        Example({"classes": 3, "input_shape": (5,), "width": 6}, [(2, 5)]),
    ],
    "kerasarch.models.cnn:cnn": [
        Example({"classes": 3, "input_shape": (8, 9, 2), "widths": (4, 6), "grid": 2}, [(2, 8, 9, 2)]),
    ],
    "kerasarch.models.conv1d:conv1d": [
        Example({"classes": 3, "input_shape": (7, 2), "widths": (4, 6), "kernels": (3, 3)}, [(2, 7, 2)]),
    ],
    "kerasarch.models.vit:vit": [
        Example({"patch": 4, "width": 8, "depth": 1, "heads": 2, "classes": 3, "input_shape": (9, 8, 1),
                 "layer_scale": 0.1}, [(2, 9, 8, 1)], still=_KEYS),
    ],
    "kerasarch.models.deit:deit": [
        Example({"patch": 4, "width": 8, "depth": 1, "heads": 2, "classes": 3, "input_shape": (8, 8, 3)},
                [(2, 8, 8, 3)], still=_KEYS),
    ],
    "kerasarch.models.autoencoder_kl:autoencoder_kl": [
        Example({"variant": "stable_diffusion", **_AUTOENCODER}, [(2, 6, 4, 2)], still=_KEYS),
    ],
    "kerasarch.models.clip_text:clip_text": [
        Example({"vocabulary": 9, "width": 8, "depth": 1, "heads": 2, "hidden": 12, "positions": 5},
                [Integers((2, 5), below=9)], still=_KEYS),
    ],
    "kerasarch.models.gpt2:gpt2": [
        Example({"vocabulary": 9, "width": 8, "depth": 1, "heads": 2, "positions": 5}, [Integers((2, 5), below=9)],
                still=_KEYS),
    ],
    "kerasarch.models.llama:llama": [
        Example({"vocabulary": 9, "width": 8, "depth": 1, "heads": 4, "kv_heads": 2, "head_width": 4, "hidden": 12},
                [Integers((2, 5), below=9)]),
    ],
    "kerasarch.models.openai_gpt:openai_gpt": [
        Example({"vocabulary": 9, "width": 8, "depth": 1, "heads": 2, "positions": 5}, [Integers((2, 5), below=9)],
                still=_KEYS),
    ],
    "kerasarch.models.bloom:bloom": [
        Example({"vocabulary": 9, "width": 8, "depth": 1, "heads": 2}, [Integers((2, 5), below=9)], still=_KEYS),
    ],
    "kerasarch.models.mpt:mpt": [
        Example({"vocabulary": 9, "width": 8, "depth": 1, "heads": 2}, [Integers((2, 5), below=9)]),
    ],
    "kerasarch.models.seq2seq_rnn:seq2seq_rnn": [
        Example({"source_vocabulary": 9, "target_vocabulary": 9, "embedding": 4, "width": 6},
                [{"source_ids": Integers((2, 5), below=9), "target_ids": Integers((2, 3), below=9)}]),
    ],
    "kerasarch.models.crnn:crnn": [
        Example({"features": 6, "classes": 5, "widths": (2, 3), "kernels": ((3, 3), (3, 3)), "units": 4, "depth": 1},
                [(2, 7, 6)]),
    ],
    "kerasarch.models.speech_recognizer:speech_recognizer": [
        Example({"words": ("ab", "ba"), "bands": 6, "window": 16, "step": 8, "widths": (2, 3), "units": 4, "depth": 1,
                 "kernels": ((3, 3), (3, 3))}, [(2, 90)]),
    ],
    "kerasarch.models.forecaster:linear_forecaster": [Example({"look_back": 6, "horizon": 3}, [(2, 6, 2)])],
    "kerasarch.models.segment_rnn:segment_rnn": [
        Example({"look_back": 6, "horizon": 3, "segment": 2, "units": 4, "columns": 2}, [(2, 6, 2)]),
    ],
    "kerasarch.models.patch_transformer:patch_transformer": [
        Example({"look_back": 6, "horizon": 3, "patch": 2, "stride": 1, "width": 4, "heads": 2, "depth": 1,
                 "hidden": 6}, [(2, 6, 2)], still=_KEYS),
    ],
    "kerasarch.models.bert:bert": [
        Example({**_ENCODER, "positions": 5}, [Integers((2, 5), below=9)], still=_KEYS),
    ],
    "kerasarch.models.roberta:roberta": [
        Example({**_ENCODER, "positions": 8}, [Integers((2, 5), below=9)], still=_KEYS),
    ],
    "kerasarch.models.distilbert:distilbert": [
        Example({**_ENCODER, "positions": 5}, [Integers((2, 5), below=9)], still=_KEYS),
    ],
    "kerasarch.models.albert:albert": [
        Example({**_ENCODER, "positions": 5, "embedding": 4}, [Integers((2, 5), below=9)], still=_KEYS),
    ],
    "kerasarch.models.deberta:deberta": [
        Example({**_ENCODER, "positions": 5}, [Integers((2, 5), below=9)]),
    ],
    "kerasarch.models.deberta_v2:deberta_v2": [
        Example({**_ENCODER, "positions": 5, "buckets": 4}, [Integers((2, 5), below=9)]),
    ],
    "kerasarch.models.unet_2d:unet_2d": [
        Example({"down": ("plain", "attention"), "up": ("attention", "plain"), "head_width": 4, "classes": 3, **_UNET},
                [[(2, 4, 3, 2), (2,), Integers((2,), below=3)]], still=_KEYS),
    ],
    "kerasarch.models.unet_2d_condition:unet_2d_condition": [
        Example({"down": ("plain", "cross"), "up": ("cross", "plain"), "heads": 2, "context_width": 5, **_UNET},
                [[(2, 4, 3, 2), (2,), (2, 3, 5)]], still=_KEYS),
    ],
    "kerasarch.models.dit:dit": [
        Example({"heads": 2, "head_width": 4, "depth": 1, "channels": 2, "sample_size": 4, "classes": 3},
                [[(2, 4, 4, 2), (2,), Integers((2,), below=4)]], still=_KEYS),
    ],
    "kerasarch.models.vq_model:vq_model": [
        Example({"variant": "latent_diffusion_vq", "codes": 6, **_AUTOENCODER}, [(2, 6, 4, 2)], still=_KEYS),
    ],
}  # fmt: skip
"""Examples by ``module:name`` of what the entry point names."""
