"""Small members of each family do what every model must do."""

import os

import keras
import numpy as np
import pytest

from kerasarch import models
from tests import conformance
from tests.conformance import Row

pytestmark = conformance.QUIET

TINY = {"depths": (1, 1), "stem_width": 4}
VIT = {"patch": 3, "width": 8, "depth": 1, "heads": 2, "expansion": 2.0}
STAGES = ((1, 8, 1, 1), (2, 8, 2, 2))


def resnet(**fields):
    def make(dtype=None):
        shape, classes = fields.get("input_shape", (16, 16, 1)), 3
        config = {key: value for key, value in fields.items() if key != "input_shape"}
        with_policy(dtype)
        try:
            return models.resnet("resnet50", classes=classes, input_shape=shape, **{**TINY, **config})
        finally:
            with_policy("float32")

    return make


def mobilenet(dtype=None):
    with_policy(dtype)
    try:
        return models.mobilenet_v2(classes=3, input_shape=(16, 16, 3), stages=STAGES, stem_width=8, top_width=16)
    finally:
        with_policy("float32")


def family(build, shape=(16, 16, 1), **fields):
    """A small member of a family of classifiers."""

    def make(dtype=None):
        with_policy(dtype)
        try:
            return build(classes=3, input_shape=shape, **fields)
        finally:
            with_policy("float32")

    return make


def efficientnet(dtype=None):
    with_policy(dtype)
    try:
        stages = ((1, 4, 1, 1, 3), (2, 4, 2, 2, 5))
        return models.efficientnet(classes=3, input_shape=(9, 8, 1), stages=stages, stem_width=4, top_width=8)
    finally:
        with_policy("float32")


def convnext(dtype=None):
    with_policy(dtype)
    try:
        return models.convnext(
            classes=3, input_shape=(9, 11, 1), depths=(1, 1), widths=(4, 6), patch=3, layer_scale=0.5
        )
    finally:
        with_policy("float32")


def with_policy(dtype):
    keras.config.set_dtype_policy(dtype or "float32")


def autoencoder(kind, **fields):
    """A subclassed model in a functional one, which has an output to look at."""

    def make(dtype=None):
        with_policy(dtype)
        try:
            model = kind({"widths": (4, 8), "groups": 2, "channels": 2, "output_channels": 1, **fields}, name="inner")
            first = keras.config.image_data_format() == "channels_first"
            inputs = keras.Input((2, 6, 4) if first else (6, 4, 2))
            y = model(inputs)
            return keras.Model(inputs, keras.layers.Permute((2, 3, 1))(y) if first else y)
        finally:
            with_policy("float32")

    return make


def text_model(kind, output, **fields):
    """Numbers to tokens to the output that depends on all of the model."""

    def make(dtype=None):
        with_policy(dtype)
        try:
            model = kind({"vocabulary": 9, "width": 8, "depth": 1, "positions": 5, **fields}, name="inner")
            numbers = keras.Input((5,))
            tokens = keras.ops.cast(keras.ops.minimum(keras.ops.floor(4 * keras.ops.absolute(numbers)), 8), "int32")
            return keras.Model(numbers, model(tokens)[output])
        finally:
            with_policy("float32")

    return make


def translator(kind, **fields):
    """Called on numbers that stand for tokens: what is read, and what is written."""

    def make(dtype=None):
        with_policy(dtype)
        try:
            inputs = [keras.Input((5,)), keras.Input((3,))]
            source, target = (
                keras.ops.cast(keras.ops.minimum(keras.ops.floor(4 * keras.ops.absolute(part)), 8), "int32")
                for part in inputs
            )
            model = kind({"source_vocabulary": 9, "width": 6, **fields}, name="inner")
            return keras.Model(inputs, model({"source_ids": source, "target_ids": target})["logits"])
        finally:
            with_policy("float32")

    return make


def frames(dtype=None):
    """Frames to logits, whose lengths are left out."""
    with_policy(dtype)
    try:
        sizes = {"features": 6, "classes": 4, "widths": (2, 3), "kernels": ((3, 3), (3, 3)), "units": 4, "depth": 1}
        inputs = keras.Input((5, 6))
        return keras.Model(inputs, models.CRNN(sizes, name="inner")(inputs)["logits"])
    finally:
        with_policy("float32")


def tagger(dtype=None):
    """Called on numbers that stand for words and their characters."""
    with_policy(dtype)
    try:
        inputs = [keras.Input((4,)), keras.Input((4, 3))]
        words, characters = (
            keras.ops.cast(1 + keras.ops.minimum(keras.ops.floor(4 * keras.ops.absolute(part)), 7), "int32")
            for part in inputs
        )
        sizes = {"embedding": 5, "character_embedding": 3, "filters": 4, "width": 4, "dropout": 0.0}
        model = models.RecurrentTagger({"words": 9, "characters": 9, "labels": 3, **sizes}, name="inner")
        return keras.Model(inputs, model({"word_ids": words, "character_ids": characters})["logits"])
    finally:
        with_policy("float32")


def waves(dtype=None):
    with_policy(dtype)
    try:
        inputs = keras.Input((40,))
        return keras.Model(
            inputs, models.SpeechRecognizer({**SMALL_SPEECH, "widths": (2, 3)}, name="inner")(inputs)["logits"]
        )
    finally:
        with_policy("float32")


def forecaster(kind, **fields):
    def make(dtype=None):
        with_policy(dtype)
        try:
            inputs = keras.Input((6, 2))
            return keras.Model(inputs, kind({"look_back": 6, "horizon": 3, **fields}, name="inner")(inputs))
        finally:
            with_policy("float32")

    return make


def dit(dtype=None):
    """Called on a list; two blocks that embed time and class themselves."""
    with_policy(dtype)
    try:
        config = {"channels": 2, "output_channels": 3, "sample_size": 4, "classes": 4, "depth": 2}
        inputs = [keras.Input((6, 4, 2)), keras.Input(()), keras.Input((), dtype="int32")]
        return keras.Model(inputs, models.DiT({**config, "heads": 2, "head_width": 4}, name="inner")(inputs))
    finally:
        with_policy("float32")


def unet(kind, *, context=(), **fields):
    """A U-Net that is called on a list, in a functional model; ``context`` is the shape of what follows the times."""

    def make(dtype=None):
        with_policy(dtype)
        try:
            model = kind({"widths": (4, 8), "depth": 1, "groups": 2, "channels": 2, "output_channels": 1, **fields})
            third = keras.Input(context) if context else keras.Input((), dtype="int32")
            inputs = [keras.Input((4, 3, 2)), keras.Input(()), third]
            return keras.Model(inputs, model(inputs))
        finally:
            with_policy("float32")

    return make


PLAIN, CROSS = {"down": ("plain", "attention"), "up": ("attention", "plain")}, {"down": ("plain", "cross")}
SMALL_CLIP = {"heads": 2, "hidden": 12, "projection": 6, "projected": True, "end": 2}
SMALL_ENCODER = {"heads": 2, "hidden": 12, "head": "masked_lm"}
DISTANCES = {"relative": True, "terms": ("c2p", "p2c"), "buckets": 4, "distance_norm": True, "convolution": 3}
SMALL_TRANSFORMER = {"vocabulary": 9, "depth": 1, "heads": 2, "hidden": 8, "dropout": 0.0}
SMALL_MAMBA2 = {"states": 3, "head_width": 4, "groups": 2, "chunk": 3, "bias": True}
SMALL_VGG = {"depths": (1, 1), "widths": (4, 6), "hidden": (8, 7), "pool": 3, "dropout": 0.0}
SMALL_DENSENET = {"stem": "small", "depths": (1, 1), "growth": 3, "stem_width": 4, "expansion": 2}
SMALL_ALEXNET = {"widths": (4, 5, 6, 5, 4), "hidden": (7,), "pool": 2, "local_response": True, "dropout": 0.0}
SMALL_LENET = {"widths": (3, 4), "hidden": (6, 5), "kernel": 3, "grid": 2, "subsampling": "trainable"}
SMALL_CNN = {"widths": (4, 6), "depth": 1, "pooling": "overlapping", "grid": 2, "hidden": 7, "dropout": 0.0}
SMALL_CONV1D = {"widths": (4, 6), "kernels": (4, 3), "padding": "causal", "dropout": 0.0}
SMALL_PATCHES = {"patch": 2, "stride": 1, "width": 4, "heads": 2, "hidden": 6, "depth": 1}
SMALL_SPEECH = {"words": ("ab", "ba"), "bands": 4, "window": 8, "step": 4, "units": 4, "depth": 1, "output": "classes"}
UNET = unet(models.UNet2DModel, **PLAIN, head_width=4, classes=3)
CONDITION = unet(models.UNet2DConditionModel, context=(3, 5), **CROSS, up=("cross", "plain"), heads=2, context_width=5)
ROWS = [
    Row("basic", resnet(block="basic", stem="small", widths=(4, 8)), (16, 16, 1)),
    Row("bottleneck", resnet(widths=(8, 16), input_shape=(17, 15, 3)), (17, 15, 3)),
    Row("v2", resnet(widths=(8, 16), preactivation=True, stride_last=True), (16, 16, 1)),
    Row("autoencoder_kl", autoencoder(models.AutoencoderKL), (6, 4, 2), blind=r"key/bias"),
    Row("vq_model", autoencoder(models.VQModel, codes=6), (6, 4, 2), blind=r"key/bias"),
    Row("clip_text", text_model(models.CLIPTextModel, "text_embeds", **SMALL_CLIP), (5,), blind=r"key/bias"),
    Row("gpt2", text_model(models.GPT2, "logits", heads=2), (5,), blind=r"key/bias"),
    Row("llama", text_model(models.Llama, "logits", heads=4, kv_heads=2, hidden=6), (5,)),
    Row("openai_gpt", text_model(models.OpenAIGPT, "logits", heads=2), (5,), blind=r"key/bias"),
    Row("bloom", text_model(models.Bloom, "logits", heads=2), (5,), blind=r"key/bias"),
    Row("mpt", text_model(models.MPT, "logits", heads=2, clip=0.5), (5,)),
    Row("seq2seq_rnn", translator(models.RecurrentTranslator, target_vocabulary=9, embedding=4), [(5,), (3,)]),
    Row("t5", translator(models.T5, **SMALL_TRANSFORMER, head_width=4, tied=False), [(5,), (3,)]),
    Row("crnn", frames, (5, 6)),
    Row("linear_forecaster", forecaster(models.LinearForecaster), (6, 2)),
    Row("segment_rnn", forecaster(models.SegmentRNN, segment=2, units=4, columns=2), (6, 2)),
    Row("patch_transformer", forecaster(models.PatchTransformer, **SMALL_PATCHES), (6, 2), blind=r"key/bias"),
    Row("s4d", text_model(models.S4D, "logits", states=4), (5,)),
    Row("mamba", text_model(models.Mamba, "logits", states=4, rank=3, bias=True), (5,)),
    Row("mamba2", text_model(models.Mamba2, "logits", **SMALL_MAMBA2), (5,)),
    Row("recurrent_lm", text_model(models.RecurrentLM, "logits"), (5,)),
    Row("bert", text_model(models.Bert, "logits", **SMALL_ENCODER), (5,), blind=r"key/bias"),
    Row("albert", text_model(models.Albert, "logits", **SMALL_ENCODER, embedding=6), (5,), blind=r"key/bias"),
    Row(
        "deberta_v2",
        text_model(models.DebertaV2, "logits", **SMALL_ENCODER, **DISTANCES),
        (5,),
        blind=r"distance_key/bias",  # it shifts every score of a query alike
    ),
    Row("dit", dit, [(6, 4, 2), (), 5], blind=r"key/bias"),
    Row("densenet", family(models.densenet, (5, 6, 2), **SMALL_DENSENET), (5, 6, 2)),
    Row("mlp", family(models.mlp, (3, 4, 2), width=6, norm="batch", dropout=0.0), (3, 4, 2)),
    Row("conv1d", family(models.conv1d, (7, 2), **SMALL_CONV1D), (7, 2)),
    Row("vgg", family(models.vgg, (8, 7, 2), **SMALL_VGG), (8, 7, 2)),
    Row("convnext", convnext, (9, 11, 1)),
    Row("efficientnet", efficientnet, (9, 8, 1), blind="project/norm/beta"),
    Row("vit", family(models.vit, (9, 6, 2), **VIT, layer_scale=0.5), (9, 6, 2), blind=r"key/bias"),
    Row("mobilenet_v2", mobilenet, (16, 16, 3), blind="project/norm/beta"),
]
LARGE = [
    Row("marian", translator(models.Marian, **SMALL_TRANSFORMER, attention_bias=True), [(5,), (3,)], "key/bias"),
    Row("bart", translator(models.Bart, **SMALL_TRANSFORMER, norm_first=True), [(5,), (3,)], "key/bias|logits_bias"),
    Row("recurrent_tagger", tagger, [(4,), (4, 3)]),
    Row("speech_recognizer", waves, (40,)),
    Row("roberta", text_model(models.Roberta, "logits", **{**SMALL_ENCODER, "positions": 8}), (5,), blind=r"key/bias"),
    Row("distilbert", text_model(models.DistilBert, "logits", **SMALL_ENCODER), (5,), blind=r"key/bias"),
    Row("deberta", text_model(models.Deberta, "logits", **SMALL_ENCODER, relative=True, terms=("c2p",)), (5,)),
    Row("alexnet", family(models.alexnet, (63, 64, 1), **SMALL_ALEXNET), (63, 64, 1)),
    Row("lenet", family(models.lenet, (9, 8, 2), **SMALL_LENET), (9, 8, 2)),
    Row("mlp_of_vectors", family(models.mlp, (5,), width=6, norm="layer", dropout=0.0), (5,)),
    Row("cnn", family(models.cnn, (7, 8, 2), **SMALL_CNN), (7, 8, 2)),
    Row("deit", family(models.deit, (6, 6, 1), **VIT), (6, 6, 1), blind=r"key/bias"),
    Row("unet_2d", UNET, [(4, 3, 2), (), 3], blind=r"key/bias"),
    Row("unet_2d_condition", CONDITION, [(4, 3, 2), (), (3, 5)], blind=r"key/bias"),
]


def parametrize(of_pictures=False):
    """Every row, or those of one picture; the large ones where they are quick."""
    chosen = [
        pytest.param(row, id=row.name, marks=[pytest.mark.quick_on("torch")] if row in LARGE else [])
        for row in (*ROWS, *LARGE)
        if not of_pictures or (isinstance(row.shape, tuple) and len(row.shape) == 3)
    ]
    return pytest.mark.parametrize("row", chosen)


row = parametrize()


@row
def test_shapes_and_batches(row):
    conformance.check_shapes_and_batches(row)


@row
def test_saving(row, tmp_path):
    conformance.check_saving(row, tmp_path)


@row
@pytest.mark.parametrize("policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_policy(row, policy):
    conformance.check_policy(row, policy)


@row
def test_training(row):
    conformance.check_training(row)


@row
@pytest.mark.slow  # the layers that they are made of are compiled by default
def test_jit(row):
    conformance.check_jit(row)


@parametrize(of_pictures=True)
def test_channels_first_gives_the_same(row):
    last, x, expected = conformance.known(row)
    keras.config.set_image_data_format("channels_first")
    try:
        first = conformance.as_model(row)
    finally:
        keras.config.set_image_data_format("channels_last")
    for ours, theirs in zip(first.weights, last.weights, strict=True):
        ours.assign(conformance.to_numpy(theirs))  # JAX would share the array, and delete it
    y = conformance.outputs(first, np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-4)


def test_a_compiled_file_does_not_carry_the_compiler_of_another_backend(tmp_path):
    model = ROWS[0].make()
    model.compile("sgd", "mse", jit_compile=os.environ["KERAS_BACKEND"] != "torch")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.name == model.optimizer.name
    assert "jit_compile" not in model.get_compile_config()
    assert again.architecture == {**model.architecture, "config": again.architecture["config"]}
    assert again.preprocessing == model.preprocessing
