"""What the figures of a training step say about its health, in plain words with a remedy. All thresholds are here.

It takes gradient norms, changes of weights and logs of some steps (*looks*) and imports no Keras.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping

PATIENCE = 5
"""Looks in a row that have to agree before a warning, except for gradients that are not finite."""

VANISHING = 1e-4
"""Root mean square of a group's gradient over that of the group with the largest one, at most.

Ours. A sigmoid passes at most a quarter of a gradient on (its derivative's maximum), so this is what seven of them in a
row leave; Glorot and Bengio, 2010, section 4.2 (https://proceedings.mlr.press/v9/glorot10a.html) measured the decay
layer by layer. Groups of the ResNets here stay above 1e-2.
"""

NOTHING = 1e-10
"""Root mean square of a whole network's gradient, at most, in the first looks of a phase.

Ours: three orders below the ``epsilon`` of Adam (Kingma and Ba, 2015, algorithm 1, https://arxiv.org/abs/1412.6980,
1e-8; Keras 1e-7), so that even Adam's steps die out.
"""

EXPLODING = 100.0
"""Gradient norm over its usual size, at least, twice in a row.

Ours. Pascanu, Mikolov and Bengio, 2013, section 3.2 (https://arxiv.org/abs/1211.5063), where norms are clipped, set the
clip threshold at half to ten times the average norm; this is an order beyond.
"""

UPDATE = 0.3
"""Norm of one step's change of a group's weights over the norm of the weights, at least.

Ours. The usual advice is about 1e-3 (https://cs231n.github.io/neural-networks-3/#ratio); Adam's first steps at a good
rate reach some 1e-2.
"""

DEAD = 0.4
"""Share of a group's units that have not moved for `PATIENCE` looks, at least.

The share that a too large rate is said to kill in https://cs231n.github.io/neural-networks-1/#actfun (ReLU); Lu et al.,
2019 (https://arxiv.org/abs/1903.06733) derive when such units occur.
"""

FEW_UNITS = 8
"""Groups with fewer units are not judged by `DEAD`."""

DEFEATED = 0.05
"""Loss of a discriminator over its loss at chance, at most.

Ours; that a loss near zero means a generator without a signal: Goodfellow et al., 2014, section 3
(https://arxiv.org/abs/1406.2661); Arjovsky and Bottou, 2017, section 2 (https://arxiv.org/abs/1701.04862).
"""

_HISTORY = 20
"""Looks that make up the usual size of a gradient, at most."""


@dataclasses.dataclass(frozen=True)
class DiscriminatorLogs:
    """Names of the logs that tell whether a discriminator is too strong.

    A learner has them as its attribute ``discriminator_logs``. Critics of Wasserstein losses should win and have none.

    Args:
        loss: Log of the discriminator's loss.
        chance: That loss where real and fake cannot be told apart: ``2 log 2`` for the cross-entropies of real and fake
            together, 2 for hinge losses, 0.25 for least squares with targets 1 and 0 and halves.
        real: Log of the mean score of real examples, or None.
        fake: Log of the mean score of fake examples, or None.
    """

    loss: str = "discriminator_loss"
    chance: float = 2 * math.log(2)
    real: str | None = None
    fake: str | None = None


@dataclasses.dataclass(frozen=True)
class Look:
    """What was seen of one training step.

    Args:
        step: Steps of the run so far.
        norms: For each network the norm of each group's gradient.
        sizes: For each network the number of weights of each group.
        ratios: For each network and group the norm of the step's change over that of the weights; may be empty.
        dead: For each network and group the units that have not moved for `PATIENCE` looks, and all its units.
        logs: What the training step logs.
        scaled: Whether the loss is scaled dynamically, so that gradients overflow now and then by design.
    """

    step: int
    norms: Mapping[str, Mapping[str, float]]
    sizes: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    ratios: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    dead: Mapping[str, Mapping[str, tuple[int, int]]] = dataclasses.field(default_factory=dict)
    logs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    scaled: bool = False


@dataclasses.dataclass(frozen=True)
class Warning:
    """A warning.

    Args:
        name: Its kind: not-finite, vanishing, exploding, rate-too-high, dead-units, discriminator-too-strong,
            posterior-collapse.
        part: The network, or ``network/group``.
        text: What was seen, one sentence.
        remedy: What to try.
    """

    name: str
    part: str
    text: str
    remedy: str


def part_name(network: str, group: str = "") -> str:
    """Name a network's group, or the network; the one network of an ordinary model is called ``all``."""
    return f"{network}/{group}" if network and group else group or network or "all"


def total(norms: Mapping[str, float]) -> float:
    """Norm of all the groups' gradients together."""
    return math.sqrt(sum(norm * norm for norm in norms.values()))


class Health:
    """Judges the looks of one phase of training, in order; each warning is given once.

    Args:
        discriminator: Names of a discriminator's logs, or None.
    """

    def __init__(self, discriminator: DiscriminatorLogs | None = None):
        self._discriminator = discriminator
        self._rows: dict[tuple[str, str], int] = {}
        self._given: set[tuple[str, str]] = set()
        self._early: dict[str, list[float]] = {}
        self._recent: dict[str, list[float]] = {}
        self._looks = 0

    def judge(self, look: Look) -> list[Warning]:
        """Return the warnings that this look brings about."""
        self._looks += 1
        found: list[Warning] = []
        for network, norms in look.norms.items():
            whole = total(norms)
            found += self._finite(network, norms, look.scaled)
            if math.isfinite(whole):
                found += self._exploding(network, whole)
                found += self._vanishing(network, norms, look.sizes.get(network, {}))
        found += self._updates(look) + self._units(look) + self._duel(look)
        return found

    def _warn(self, holds: bool, patience: int, name: str, part: str, text: str, remedy: str) -> list[Warning]:
        """The warning, where its condition has held for so many looks in a row and it was not given before."""
        key = name, part
        self._rows[key] = self._rows.get(key, 0) + 1 if holds else 0
        if self._rows[key] < patience or key in self._given:
            return []
        self._given.add(key)
        return [Warning(name, part, text, remedy)]

    def _finite(self, network: str, norms: Mapping[str, float], scaled: bool) -> list[Warning]:
        bad = [group for group, norm in norms.items() if not math.isfinite(norm)]
        where = part_name(network, bad[0]) if len(bad) == 1 else part_name(network)
        return self._warn(
            bool(bad), PATIENCE if scaled else 1, "not-finite", part_name(network),
            f"The gradient of {where} is not a finite number.",
            "Lower the learning rate, clip the gradients (global_clipnorm=1.0), and look for logarithms, divisions and "
            "roots of zero, or values in the data that are not finite.",
        )  # fmt: skip

    def _exploding(self, network: str, norm: float) -> list[Warning]:
        early, recent = self._early.setdefault(network, []), self._recent.setdefault(network, [])
        # The first looks count as well: where training has converged, one odd batch is many times the usual.
        usual = max(statistics.median(early), statistics.median(recent)) if len(early) >= 2 else math.inf
        exploded = norm > EXPLODING * usual
        if not exploded:
            recent.append(norm)
            del recent[:-_HISTORY]
            if len(early) < PATIENCE:
                early.append(norm)
        return self._warn(
            exploded, 2, "exploding", part_name(network),
            f"The gradient of {part_name(network)} has norm {norm:.3g}, {norm / max(usual, 1e-30):.0f} times its usual "
            "size.",
            "Lower the learning rate or warm it up, clip the gradients (global_clipnorm=1.0), or normalize the layers' "
            "inputs.",
        )  # fmt: skip

    def _vanishing(self, network: str, norms: Mapping[str, float], sizes: Mapping[str, int]) -> list[Warning]:
        means = {group: norm / math.sqrt(sizes.get(group) or 1) for group, norm in norms.items()}
        largest = max(means, key=lambda group: means[group])
        whole = total(norms) / math.sqrt(sum(sizes.values()) or 1)
        found = []
        for group, mean in means.items():
            small = whole > NOTHING and mean <= VANISHING * means[largest]
            # One warning a network: the groups below the first one that starves starve too.
            if any(name == "vanishing" and part.startswith(part_name(network)) for name, part in self._given):
                break
            found += self._warn(
                small, PATIENCE, "vanishing", part_name(network, group),
                f"The gradient of {part_name(network, group)} is {mean / (means[largest] or 1):.1g} times that of "
                f"{part_name(network, largest)}, weight for weight: it hardly learns.",
                "Use ReLU-like activations in place of sigmoid or tanh with a matching initializer (he_normal), "
                "normalization, or skip connections.",
            )  # fmt: skip
        return found[:1] + self._warn(
            whole <= NOTHING and self._looks <= PATIENCE, PATIENCE, "vanishing", part_name(network),
            f"{part_name(network)} has got no gradient since the phase began.",
            "Look whether its loss depends on it at all, for saturated outputs (a softmax or sigmoid before a loss "
            "that takes logits), and for layers whose units are all inactive.",
        )  # fmt: skip

    def _updates(self, look: Look) -> list[Warning]:
        found = []
        for network, groups in look.ratios.items():
            for group, ratio in groups.items():
                found += self._warn(
                    ratio > UPDATE, PATIENCE, "rate-too-high", part_name(network, group),
                    f"One step changes the weights of {part_name(network, group)} by {ratio:.0%} of their size; about "
                    "0.1 % is usual.",
                    "Lower the learning rate, or warm it up.",
                )  # fmt: skip
        return found

    def _units(self, look: Look) -> list[Warning]:
        found = []
        for network, groups in look.dead.items():
            for group, (dead, units) in groups.items():
                # Where the gradient vanishes, steps fall below what a float32 holds, and that is what is to be told.
                starved = self._rows.get(("vanishing", part_name(network, group)), 0) > 0
                many = units >= FEW_UNITS and dead >= DEAD * units
                found += self._warn(
                    many and not starved, 1, "dead-units", part_name(network, group),
                    f"{dead} of {units} units of {part_name(network, group)} have not moved for {PATIENCE} looks: "
                    "they are dead.",
                    "Lower the learning rate, use a leaky activation or GELU, or normalize the inputs; weights begin "
                    "anew only in a new run.",
                )  # fmt: skip
        return found

    def _duel(self, look: Look) -> list[Warning]:
        names = self._discriminator
        if names is None or names.loss not in look.logs:
            return []
        loss = look.logs[names.loss]
        apart = True
        if names.real in look.logs and names.fake in look.logs:
            apart = look.logs[str(names.real)] > look.logs[str(names.fake)]
        return self._warn(
            apart and loss < DEFEATED * names.chance, PATIENCE, "discriminator-too-strong", names.loss,
            f"{names.loss} is {loss:.3g}, at chance it would be {names.chance:.3g}: the discriminator is right almost "
            "always, and the generator learns little from it.",
            "Lower the discriminator's learning rate or width, add an R1 or gradient penalty, spectral normalization "
            "or augmentation (ADA), or smooth its labels.",
        )  # fmt: skip
