"""The recipe se-digits. Keras is imported inside the function only: the backend is chosen after this file is read."""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Gt, Run, recipe


@recipe(
    task="image-classification",
    data="digits (bundled)",
    expect={"accuracy": ">=0.97"},
    resumable=("epochs",),
)
def se_digits(
    run: Run,
    *,
    data: str = "digits",
    variant: Literal["se_cnn_tiny", "se_cnn_small"] = "se_cnn_tiny",
    size: Annotated[int, Ge(4)] = 8,
    channels: Literal[1, 3] = 1,
    epochs: Annotated[int, Ge(1)] = 10,
    batch: Annotated[int, Ge(1)] = 32,
    learning_rate: Annotated[float, Gt(0)] = 3e-3,
):
    """Train a small squeeze-and-excitation network on handwritten digits.

    A convolutional network of 17,000 parameters whose blocks end in squeeze-and-excitation (Hu et al., 2018,
    https://arxiv.org/abs/1709.01507) learns scikit-learn's digits from scratch. A fifth of the images is held out for
    the test and seen only once, at the end.

    Args:
        run: The run.
        data: Bundled name, folder of class folders, or tfds:NAME.
        variant: Size of the network.
        size: Height and width of the pictures in pixels.
        channels: 1 for grey pictures, 3 for coloured ones.
        epochs: Passes over the training images.
        batch: Images in a step.
        learning_rate: Step size of Adam at the start; it falls to zero by a cosine.
    """
    import keras
    import numpy as np

    from kerasarch.data import batches, load_images
    from kerasarch_example.se_cnn import se_cnn

    images = load_images(data, seed=run.seed, validation=0.1, test=0.2, offline=run.offline)
    shape = {"batch": batch, "size": (size, size), "channels": channels}
    train = batches(images.train, seed=run.seed, **shape)
    validation = batches(images.validation, shuffle=False, **shape)
    test = batches(images.test, shuffle=False, **shape)

    channels_last = keras.config.image_data_format() == "channels_last"
    picture = (size, size, channels) if channels_last else (channels, size, size)
    model = se_cnn(variant, classes=len(images.classes), input_shape=picture)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, epochs * train.steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    run.fit("train", model, train, epochs=epochs, validation_data=validation)

    logits = model.predict(test, verbose=0)
    labels = images.test.labels
    predicted = logits.argmax(axis=-1)
    counts = np.zeros((len(images.classes),) * 2, "int64")
    np.add.at(counts, (labels, predicted), 1)
    run.confusion(counts, images.classes)
    run.save(model)
    return {
        "accuracy": float((predicted == labels).mean()),
        "parameters": model.count_params(),
        "test_images": len(labels),
    }
