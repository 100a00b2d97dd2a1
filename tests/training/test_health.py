"""Warnings: each condition gives its own, once, and what is healthy gives none."""

import math

import pytest

from kerasarch.training.health import DiscriminatorLogs, Health, Look

pytestmark = pytest.mark.backend_free


def judge(looks, discriminator=None):
    health = Health(discriminator)
    return [(warning.name, warning.part, index) for index, look in enumerate(looks) for warning in health.judge(look)]


def look(norms, **more):
    return Look(1, {"": dict(norms)}, {"": dict.fromkeys(norms, 100)}, **more)


def test_steady_training_gives_no_warning():
    looks = [look({"stem": 0.1 + 0.05 * math.sin(i), "head": 1.0}, ratios={"": {"stem": 1e-3}}) for i in range(50)]
    assert judge(looks) == []


def test_a_group_far_below_the_largest_vanishes_after_five_looks():
    looks = [look({"stem": 0.9e-4, "middle": 1e-2, "head": 1.0})] * 9
    assert judge(looks) == [("vanishing", "stem", 4)]
    assert judge([look({"stem": 1.1e-4, "head": 1.0})] * 9) == []


def test_groups_are_compared_weight_for_weight():
    norms, sizes = {"": {"stem": 0.01, "head": 10.0}}, {"": {"stem": 1, "head": 10_000}}
    assert judge([Look(1, norms, sizes)] * 9) == []  # 0.01 and 0.1 a weight


def test_a_network_without_any_gradient():
    assert judge([look({"stem": 0.0, "head": 0.0})] * 9) == [("vanishing", "all", 4)]
    learned = [look({"head": 1.0})] + [look({"head": 0.0})] * 9
    assert judge(learned) == []  # converged


def test_an_exploding_gradient_twice_in_a_row():
    calm, storm = look({"head": 1.0}), look({"head": 150.0})
    assert judge([calm, calm, calm, storm, calm, storm]) == []
    assert judge([calm, calm, calm, storm, storm, storm]) == [("exploding", "all", 4)]


def test_an_odd_batch_after_convergence_is_no_explosion():
    looks = [look({"head": 1.0})] * 5 + [look({"head": 1e-5})] * 30 + [look({"head": 0.5})] * 3
    assert judge(looks) == []


def test_not_finite_at_once_unless_the_loss_is_scaled():
    bad = look({"stem": math.nan, "head": 1.0})
    assert judge([bad]) == [("not-finite", "all", 0)]
    scaled = look({"stem": math.inf, "head": 1.0}, scaled=True)
    assert judge([scaled] * 4) == []
    assert judge([scaled] * 5) == [("not-finite", "all", 4)]


def test_steps_as_large_as_the_weights():
    assert judge([look({"head": 1.0}, ratios={"": {"head": 0.5}})] * 6) == [("rate-too-high", "head", 4)]


def test_dead_units_of_a_group_that_has_some():
    assert judge([look({"head": 1.0}, dead={"": {"body": (40, 100)}})]) == [("dead-units", "body", 0)]
    assert judge([look({"head": 1.0}, dead={"": {"body": (39, 100), "gate": (4, 4)}})]) == []
    vanished = look({"body": 1e-6, "head": 1.0}, dead={"": {"body": (100, 100)}})
    assert judge([vanished] * 5) == [("vanishing", "body", 4)]


def test_a_discriminator_too_strong():
    names = DiscriminatorLogs(real="real_score", fake="fake_score")
    won = {"discriminator_loss": 0.05, "real_score": 6.0, "fake_score": -6.0}
    even = {"discriminator_loss": 1.3, "real_score": 0.1, "fake_score": -0.1}
    assert judge([look({"head": 1.0}, logs=won)] * 6, names) == [("discriminator-too-strong", "discriminator_loss", 4)]
    assert judge([look({"head": 1.0}, logs=log) for log in (won, won, even) * 4], names) == []
    assert judge([look({"head": 1.0}, logs=won)] * 6) == []  # nobody said which logs mean that


def test_each_network_is_judged_for_itself():
    norms = {"generator": {"dense": 1e-5, "out": 1.0}, "discriminator": {"conv": 1.0}}
    sizes = {network: dict.fromkeys(groups, 1) for network, groups in norms.items()}
    assert judge([Look(1, norms, sizes)] * 5) == [("vanishing", "generator/dense", 4)]
