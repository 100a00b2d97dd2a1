"""Strategies of transfer learning as data: which groups of layers are open in which stage."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

from kerasarch.errors import UsageError
from kerasarch.training.groups import LayerGroup, matching, merge

Strategy = Literal["extract", "full", "gradual", "bottom-up", "selective"]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of training: the groups that learn, and for how long.

    Args:
        name: Name of the stage; the run's checkpoints and reports use it.
        open: Names of the groups that learn; all others are frozen.
        epochs: Epochs of this stage.
    """

    name: str
    open: tuple[str, ...]
    epochs: int


def plan(
    strategy: Strategy,
    groups: Sequence[LayerGroup],
    *,
    epochs: int | Sequence[int],
    patterns: Sequence[str] = (),
    max_stages: int = 6,
) -> tuple[list[LayerGroup], list[Stage]]:
    """Turns a strategy into stages for the given groups.

    - ``extract``: the head learns on fixed features.
    - ``full``: everything learns from the first step.
    - ``gradual``: the head first, then one group after the other from the top down (Howard and Ruder, 2018, section
      3.3, https://arxiv.org/abs/1801.06146).
    - ``bottom-up``: the head first, because it is new; then one group after the other from the input upward.
    - ``selective``: the head and what fits the patterns.

    Args:
        strategy: One of the above.
        groups: Groups from the input upward; the last is the head.
        epochs: Epochs of each stage: one number for all, or one a stage.
        patterns: For ``selective``: shell patterns of group or layer names.
        max_stages: For ``gradual`` and ``bottom-up``: at most so many stages; neighbouring groups open together
            where there are more.

    Returns:
        The groups (split where a pattern selects a part of one) and the stages.

    Raises:
        UsageError: The strategy is unknown, patterns are missing or superfluous, or epochs do not fit the stages.
    """
    if strategy not in get_args(Strategy):
        raise UsageError(f"Received strategy {strategy!r}. Expected one of {', '.join(get_args(Strategy))}.")
    if bool(patterns) != (strategy == "selective"):
        raise UsageError(
            f"Received strategy {strategy!r} with patterns {list(patterns)}. Expected patterns with 'selective' and "
            "only there."
        )
    if max_stages < 1:
        raise UsageError(f"Received max_stages={max_stages}. Expected at least 1.")
    groups = list(groups)
    head, every = groups[-1].name, tuple(group.name for group in groups)
    opened: list[tuple[str, tuple[str, ...]]]
    if strategy == "extract":
        opened = [("head", (head,))]
    elif strategy == "full":
        opened = [("full", every)]
    elif strategy == "selective":
        groups, inside = matching(groups, patterns)
        opened = [("selective", tuple(group.name for group in groups if group.name in {*inside, head}))]
    else:
        opened = _one_after_the_other(groups, max_stages, upward=strategy == "bottom-up")
    lengths = _lengths(epochs, len(opened))
    return groups, [Stage(name, names, count) for (name, names), count in zip(opened, lengths, strict=True)]


def _one_after_the_other(
    groups: Sequence[LayerGroup], max_stages: int, *, upward: bool
) -> list[tuple[str, tuple[str, ...]]]:
    *body, head = merge(groups, max_stages) if max_stages > 1 else [list(groups)]
    opened, stages = {group.name for group in head}, [("head", tuple(group.name for group in head))]
    for run in body if upward else reversed(body):
        opened.update(group.name for group in run)
        name = run[0].name if len(run) == 1 else f"{run[0].name}-{run[-1].name}"
        stages.append((name, tuple(group.name for group in groups if group.name in opened)))
    return stages


def _lengths(epochs: int | Sequence[int], stages: int) -> list[int]:
    lengths = [epochs] * stages if isinstance(epochs, int) else list(epochs)
    if len(lengths) != stages or any(length < 1 for length in lengths):
        raise UsageError(
            f"Received epochs={epochs} for {stages} stages. Expected a number above 0, or one for each stage."
        )
    return lengths
