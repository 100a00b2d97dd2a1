"""Beam search: the most probable texts that a few candidates, grown side by side, lead to."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.errors import UsageError
from kerasarch.generation.prompts import check_prompts, left_padded, right_padded, rounded
from kerasarch.generation.token_rules import TokenRules

NEVER = -1e9
"""Score of what is no candidate."""
Early = Literal["never"] | bool


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One text that was found.

    Attributes:
        tokens: The new ones, without that which ends the text; or labels.
        score: Sum of their logarithmic probabilities: of `BeamSearch` over ``length ** length_penalty``, the ending
            token among them.
    """

    tokens: list[int]
    score: float


class BeamSearch:
    """Finds probable texts.

    Of all continuations of the ``beams`` best candidates by one token, the ``beams`` most probable go on; of those that
    end, the ``beams`` with the best scores are kept: Sutskever et al., 2014, section 3.2
    (https://arxiv.org/abs/1409.3215). When a search ends is as in transformers' ``generate``. All of it, the reading of
    the prompts too, is one program, compiled on JAX and TensorFlow.

    ```python
    search = BeamSearch(model, beams=4, length_penalty=1.0, best=2)
    found = search([[464, 3290], [15496]], new=100)
    found[0][0].tokens, found[0][0].score
    ```

    Args:
        model: A [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel] with a head, whose prompts go on; or a
            model that reads one text and writes another, such as
            [`RecurrentTranslator`][kerasarch.models.RecurrentTranslator]: it has ``read_source(ids, mask, length)``,
            ``advance`` and a config with ``start`` and ``padding``. Its cache is a dictionary whose ``memory`` is the
            same for all candidates of a text; everything else follows the candidates. Each tensor has the batch first.
        beams: Candidates of each text.
        length_penalty: Power of the length that sums of logarithmic probabilities are divided by: above 0 favours long
            texts.
        early_stopping: True ends where there are ``beams`` texts; False also where no candidate, as long as it is, has
            a better score than the worst of them; ``"never"`` where none can get one.
        end: Tokens that end a text; None for what the model's config says.
        best: Texts to return, at most ``beams``.

    Raises:
        UsageError: The model has no head, or an argument is out of its range.
    """

    def __init__(
        self,
        model: Any,
        *,
        beams: int = 4,
        length_penalty: float = 1.0,
        early_stopping: Early = False,
        end: Sequence[int] | None = None,
        best: int = 1,
    ):
        if not getattr(model.config, "head", True) or not 1 <= best <= beams or early_stopping not in (0, 1, "never"):
            raise UsageError(
                "A BeamSearch needs a model with a head, best from 1 to beams, and early_stopping False, True or "
                f"'never'. Received beams={beams}, best={best}, early_stopping={early_stopping!r}."
            )
        self.model = model
        self.beams = beams
        self.length_penalty = length_penalty
        self.early_stopping: Early = "never" if early_stopping == "never" else bool(early_stopping)
        said = model.config.end if end is None else end
        self.end = tuple(int(token) for token in ((said,) if isinstance(said, int) else said or ()))
        self.best = best
        self.rules = TokenRules.of(model.config)
        self.reads = hasattr(model, "read_source")
        self._search = backends.compiled(self._run, model)

    def __call__(self, prompts: Sequence[Sequence[int]], new: int) -> list[list[Hypothesis]]:
        """Search.

        Args:
            prompts: Tokens of each; of a model that reads and writes, the texts to read.
            new: Tokens that are written, the ending one among them, at most.

        Returns:
            For each prompt its ``best`` texts, the best one first.

        Raises:
            UsageError: There is no prompt, one is empty or holds what is no token, or nothing is to be written.
            ShapeError: The model has fewer positions.
        """
        config = self.model.config
        check_prompts(prompts, new, (self.reads and config.source_vocabulary) or config.vocabulary)
        blank = np.zeros((len(prompts), rounded(new)), "int32")
        if self.reads:
            if getattr(self.model, "learned_positions", False):
                self.model.check_length(max(new, *(len(prompt) for prompt in prompts)))
            given: tuple[np.ndarray, ...] = right_padded(prompts, config.padding)
        else:
            self.model.check_length(max(len(prompt) for prompt in prompts) + new)
            given = left_padded(prompts, blank.shape[1])
        found = self._search(blank, np.int32(new), *given)
        tokens, lengths, scores = (np.asarray(ops.convert_to_numpy(part)) for part in found)
        return [
            [
                Hypothesis(self._text(tokens[row, beam, : lengths[row, beam]]), float(scores[row, beam]))
                for beam in range(self.best)
            ]
            for row in range(len(prompts))
        ]

    def _text(self, tokens: np.ndarray) -> list[int]:
        return tokens[: -1 if int(tokens[-1]) in self.end else None].tolist()

    def _run(self, blank: Any, new: Any, *given: Any) -> tuple[Any, Any, Any]:
        state = self._begin(blank, *given)

        def go_on(state: dict[str, Any]) -> Any:
            return state["open"]

        def one(state: dict[str, Any]) -> tuple[dict[str, Any]]:
            beam, token, state = self._choose(state, new)
            return (self._advance(state, beam, token),)

        (state,) = ops.while_loop(go_on, one, (state,))
        return state["ended"], state["lengths"], state["ended_scores"]

    def _begin(self, blank: Any, ids: Any, mask: Any, positions: Any = None) -> dict[str, Any]:
        """Read the prompts, and return the candidates before the first token."""
        batch, places, beams = blank.shape[0], blank.shape[1], self.beams
        if self.reads:
            cache = self.model.read_source(ids, mask, places + 1)
            ids = ops.full((batch, 1), self.model.config.start, "int32")
            mask = ops.broadcast_to(ops.arange(places + 1) == 0, (batch, places + 1))
            positions = ops.zeros((batch, 1), "int32")
        else:
            cache = self.model.empty_cache(batch, mask.shape[1])
        logits, cache = self.model.advance(ids, cache, 0, mask, positions)
        # All candidates begin as one: the others may not be chosen before they differ.
        scores = ops.tile(ops.reshape(ops.where(ops.arange(beams) == 0, 0.0, NEVER), (1, beams)), (batch, 1))
        nothing = ops.zeros((batch, beams, places), "int32")
        return {
            "logits": self._repeated(logits),
            "cache": keras.tree.map_structure(self._repeated, cache),
            "mask": self._repeated(mask),
            "place": ops.convert_to_tensor(ids.shape[1], "int32"),
            "position": self._repeated(positions[:, -1] + 1),
            "step": ops.convert_to_tensor(0, "int32"),
            "tokens": nothing,
            "scores": ops.cast(scores, "float32"),
            "ended": nothing,
            "ended_scores": ops.full((batch, beams), NEVER, "float32"),
            "lengths": ops.ones((batch, beams), "int32"),
            "full": ops.zeros((batch, beams), "bool"),
            "hope": ops.ones((batch, 1), "bool"),
            "open": ops.convert_to_tensor(True),
        }

    def _repeated(self, part: Any) -> Any:
        return ops.repeat(part, self.beams, axis=0)

    def _choose(self, state: dict[str, Any], new: Any) -> tuple[Any, Any, dict[str, Any]]:
        """Choose the candidates that go on and the texts that have ended: beams, tokens, and the state."""
        batch, beams, places = state["tokens"].shape
        step, length = state["step"], ops.cast(state["step"] + 1, "float32")
        vocabulary = state["logits"].shape[-1]
        chances = self.rules.apply(ops.log_softmax(state["logits"], axis=-1), step, new)
        sums = ops.reshape(chances, (batch, beams, vocabulary))
        sums = ops.reshape(sums + state["scores"][:, :, None], (batch, beams * vocabulary))
        # So many that enough go on even where an ending is the most probable token of every candidate
        count = min(max(2, 1 + len(self.end)) * beams, beams * vocabulary)
        sums, chosen = ops.top_k(sums, count)
        chosen = ops.cast(chosen, "int32")
        beam = chosen // vocabulary
        token = chosen - beam * vocabulary
        here = ops.arange(places, dtype="int32") == step
        tokens = ops.where(here, token[:, :, None], ops.take_along_axis(state["tokens"], beam[:, :, None], axis=1))
        stops = ops.broadcast_to(step + 1 >= new, (batch, count))
        for number in self.end:
            stops = ops.logical_or(stops, token == number)

        scores = sums / ops.power(length, self.length_penalty)
        counts = ops.logical_and(stops, ops.arange(count) < beams)
        counts = ops.logical_and(counts, state["hope"])
        if self.early_stopping is True:
            counts = ops.logical_and(counts, ops.logical_not(ops.all(state["full"], axis=1, keepdims=True)))
        ended = ops.concatenate([state["ended_scores"], ops.where(counts, scores, NEVER)], axis=1)
        ended_scores, kept = ops.top_k(ended, beams)
        own = ops.broadcast_to(step + 1, (batch, count))

        running, going = ops.top_k(ops.where(stops, NEVER, sums), beams)
        full = _picked(kept, state["full"], counts)
        hope = ops.logical_and(state["hope"], self._may_improve(running, ended_scores, full, length, new))
        still = ops.logical_and(ops.any(hope), ops.logical_not(ops.all(stops)))
        if self.early_stopping is True:
            still = ops.logical_and(still, ops.logical_not(ops.all(full)))
        after = {
            **state,
            "tokens": _picked(going, tokens),
            "scores": running,
            "ended": _picked(kept, state["ended"], tokens),
            "ended_scores": ended_scores,
            "lengths": _picked(kept, state["lengths"], own),
            "full": full,
            "hope": hope,
            "open": still,
        }
        return _picked(going, beam), _picked(going, token), after

    def _may_improve(self, running: Any, ended_scores: Any, full: Any, length: Any, new: Any) -> Any:
        """Return whether the best candidate of a text may become better than an ended one: ``(B, 1)``."""
        if self.early_stopping == "never" and self.length_penalty > 0:
            length = ops.cast(new, "float32")
        best = running[:, :1] / ops.power(length, self.length_penalty)
        worst = ops.where(full, ops.min(ended_scores, axis=1, keepdims=True), NEVER)
        return ops.any(best > worst, axis=1, keepdims=True)

    def _advance(self, state: dict[str, Any], beam: Any, token: Any) -> dict[str, Any]:
        """Let the caches follow the candidates, and read the new tokens."""
        batch = beam.shape[0]
        rows = ops.reshape(beam + self.beams * ops.arange(batch, dtype="int32")[:, None], (-1,))
        kept, moving = {}, state["cache"]
        if self.reads:
            kept = {"memory": moving["memory"]}
            moving = {name: part for name, part in moving.items() if name != "memory"}
        moving = keras.tree.map_structure(lambda part: ops.take(part, rows, axis=0), moving)
        places = ops.arange(state["mask"].shape[1], dtype="int32")
        mask = ops.logical_or(state["mask"], places == state["place"])
        position = state["position"]
        if getattr(self.model, "learned_positions", False):
            # What is read after the last token is dropped.
            position = ops.minimum(position, self.model.config.positions - 1)
        logits, cache = self.model.advance(
            ops.reshape(token, (-1, 1)),
            {**kept, **moving} if self.reads else moving,
            state["place"],
            mask,
            position[:, None],
        )
        return {
            **state,
            "logits": logits,
            "cache": cache,
            "mask": mask,
            "place": state["place"] + 1,
            "position": state["position"] + 1,
            "step": state["step"] + 1,
        }


def _picked(places: Any, *parts: Any) -> Any:
    """Return what stands at places ``(B, N)`` of one part ``(B, M, ...)``, or of several behind one another."""
    whole = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
    places = ops.cast(places, "int32")
    return ops.take_along_axis(whole, places[:, :, None] if len(whole.shape) == 3 else places, axis=1)
