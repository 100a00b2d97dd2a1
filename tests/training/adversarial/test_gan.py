"""GAN, its conditional and averaged forms: losses by hand, and who is trained by what."""

import keras
import numpy as np
import pytest

from kerasarch.errors import DataError, UsageError
from kerasarch.training import WeightAverage
from kerasarch.training.adversarial import GAN, R1, AdaptiveAugmentation
from tests.training.adversarial.linear import (
    SHAPE,
    Draws,
    apply_linear,
    linear_discriminator,
    linear_generator,
    matrix_of,
    softplus,
    train_once,
    who_changes,
)


def make(**options):
    return GAN(linear_generator(), linear_discriminator(), latent=3, seed=5, **options)


def test_losses_by_hand(pictures):
    """Rates of zero: every loss is that of the first weights."""
    learner, draws = make(penalty=R1(2.0)), Draws(5)
    fake = apply_linear(learner.generator, draws.normal(8, 3))
    draws.uniform(8)
    real_scores, fake_scores = (apply_linear(learner.discriminator, x) for x in (pictures, fake))
    kernel, _ = matrix_of(learner.discriminator)
    penalty = (kernel**2).sum()  # gamma / 2 is 1, and the gradient is the kernel at every picture
    second = apply_linear(learner.discriminator, apply_linear(learner.generator, draws.normal(8, 3)))
    expected = {
        "discriminator_loss": softplus(-real_scores).mean() + softplus(fake_scores).mean() + penalty,
        "generator_loss": softplus(-second).mean(),
        "real_score": real_scores.mean(),
        "fake_score": fake_scores.mean(),
        "r1_penalty": penalty,
    }
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.0})
    assert logs == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_one_step_of_the_discriminator_by_hand(pictures):
    learner, draws = make(objective="least_squares"), Draws(5)
    fake = apply_linear(learner.generator, draws.normal(8, 3))
    real_scores, fake_scores = (apply_linear(learner.discriminator, x) for x in (pictures, fake))
    kernel, bias = matrix_of(learner.discriminator)
    gradient = (pictures.reshape(8, -1).T @ (real_scores - 1) + fake.T @ fake_scores) / 8
    train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.1})
    new_kernel, new_bias = matrix_of(learner.discriminator)
    np.testing.assert_allclose(new_kernel, kernel - 0.1 * gradient, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * (real_scores - 1 + fake_scores).mean(0), rtol=1e-4, atol=1e-6)


def test_each_step_trains_its_own_network(pictures):
    networks = ("generator", "discriminator")
    for name, other in (networks, networks[::-1]):
        assert who_changes(make(), pictures, {name: 0.1, other: 0.0}, networks) == {name}


def conditional():
    latent, labels, images = keras.Input((3,)), keras.Input((), dtype="int32"), keras.Input(SHAPE)
    embedded = keras.layers.Embedding(3, 16)(labels)
    generator = keras.Model([latent, labels], keras.layers.Reshape(SHAPE)(keras.layers.Dense(16)(latent) + embedded))
    embedded = keras.layers.Embedding(3, 16)(labels)
    scores = keras.layers.Dot(-1)([keras.layers.Flatten()(images), embedded])
    return generator, keras.Model([images, labels], scores)


def test_labels_reach_both_networks(pictures):
    generator, discriminator = conditional()
    learner, draws = GAN(generator, discriminator, latent=3, conditional=True, objective="hinge", seed=5), Draws(5)
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 2])
    table = discriminator.get_weights()[0].astype("float64")[labels]
    kernel, bias, embedded = (weight.astype("float64") for weight in generator.get_weights())
    fake = draws.normal(8, 3) @ kernel + bias + embedded[labels]
    real_scores, fake_scores = (pictures.reshape(8, -1) * table).sum(1), (fake * table).sum(1)
    expected = np.maximum(0, 1 - real_scores).mean() + np.maximum(0, 1 + fake_scores).mean()
    logs = train_once(learner, (pictures, labels), {"generator": 0.0, "discriminator": 0.0})
    assert logs["discriminator_loss"] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(DataError, match="without labels"):
        learner.unpack(pictures)


def test_compiled_with_augmentation_average_and_evaluation(pictures, tmp_path):
    generator, discriminator = linear_generator(), linear_discriminator()
    average = WeightAverage(generator, decay=0.5)
    augmentation = AdaptiveAugmentation(probability=0.5, interval=1, images=40, seed=1)
    learner = GAN(generator, discriminator, latent=3, augmentation=augmentation, average=average, seed=5)
    before = generator.get_weights()[0].astype("float64")
    logs = train_once(learner, pictures, {"generator": 0.1, "discriminator": 0.1}, run_eagerly=False)
    assert logs["augmentation_probability"] in (pytest.approx(0.3), pytest.approx(0.7))
    after = generator.get_weights()[0]
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(average.network.get_weights()[0], (before + after) / 2, atol=1e-6)
    scores = learner.evaluate(pictures, batch_size=8, verbose=0, return_dict=True)
    assert set(scores) == {"discriminator_loss", "real_score", "fake_score"}
    latents = np.ones((2, 3), "float32")
    from_average = apply_linear(average.network, latents, SHAPE)
    np.testing.assert_allclose(learner.predict(latents, verbose=0), from_average, atol=1e-5)
    sampling = learner.sampling_network()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(sampling(latents)), from_average, atol=1e-5)
    assert sampling.trainable_variables
    learner.save(tmp_path / "learner.keras")
    again = keras.models.load_model(tmp_path / "learner.keras")
    for old, new in zip(learner.variables, again.variables, strict=True):
        if "step_logs" not in old.path and "seed_generator" not in old.path:  # Keras saves neither
            np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(v.value) for v in (old, new)), err_msg=old.path)


@pytest.mark.parametrize(
    ("objective", "bias"), [("least_squares", 0.4), pytest.param("hinge", -0.1, marks=pytest.mark.slow)]
)
def test_augmentation_counts_who_is_taken_for_real(pictures, objective, bias):
    learner = make(objective=objective, augmentation=AdaptiveAugmentation(probability=0.5, interval=1, seed=1))
    learner.discriminator.set_weights([np.zeros((16, 1)), np.array([bias])])
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.0})
    assert logs["real_score"] == pytest.approx(bias)
    assert logs["overfitting"] == -1  # every real picture is taken for a generated one


def test_a_critic_has_no_augmentation_that_adapts(pictures):
    with pytest.raises(UsageError, match=r"target=None.*another loss"):
        make(objective="wasserstein", augmentation=AdaptiveAugmentation())
    fixed = AdaptiveAugmentation(["color"], probability=0.25, target=None, interval=1, seed=1)
    learner = make(objective="wasserstein", augmentation=fixed)
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.0})
    assert logs["augmentation_probability"] == 0.25
    assert "overfitting" not in logs


def test_what_it_refuses(pictures):
    with pytest.raises(UsageError, match="1 or more"):
        make(discriminator_steps=0)
    with pytest.raises(DataError, match="a multiple of 3"):
        make(discriminator_steps=3).parts(keras.ops.convert_to_tensor(pictures), None)
