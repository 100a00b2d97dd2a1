"""Speculative decoding: a small model proposes tokens, and the large one judges several of them in one call."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.errors import UsageError
from kerasarch.generation.prompts import left_padded
from kerasarch.generation.token_choice import drawn
from kerasarch.generation.token_decoder import TokenDecoder
from kerasarch.models import CausalLanguageModel


class SpeculativeDecoder(TokenDecoder):
    """Draws tokens after prompts as the model alone would, with the help of a faster one.

    In each round the draft proposes some tokens, and the model reads them at once. With q the draft's probabilities and
    p the model's, a proposal x stays with the probability ``min(1, p(x) / q(x))``; in place of the first one that does
    not, a token is drawn from ``max(p - q, 0)``, normalised; after the last one, from p. What comes out is distributed
    as p: Leviathan et al., 2023, algorithm 1 (https://arxiv.org/abs/2211.17192); Chen et al., 2023, algorithm 2
    (https://arxiv.org/abs/2302.01318). At temperature 0 what the model would take stays, and texts are its own.

    Texts of a batch go on at their own pace. ``acceptance`` tells which part of the proposals of the last call stayed.

    ```python
    decoder = SpeculativeDecoder(model, draft, tokens=4, choice=TokenChoice(temperature=0.8))
    ```

    Args:
        model: A [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel] with a head.
        draft: Another one with the same vocabulary.
        tokens: Tokens that are proposed in a round.
        **kwargs: As for [`TokenDecoder`][kerasarch.generation.TokenDecoder]; the draft draws by the same ``choice``.

    Raises:
        UsageError: The vocabularies differ, a model cannot forget what it has read, there is a repetition penalty, or
            ``tokens`` is below 1.
    """

    def __init__(self, model: CausalLanguageModel, draft: CausalLanguageModel, *, tokens: int = 4, **kwargs: Any):
        check_draft(model, draft)
        super().__init__(model, **kwargs)
        if tokens < 1 or not draft.config.head or self.choice.repetition_penalty != 1:
            raise UsageError(
                "A SpeculativeDecoder needs a draft with a head, tokens=1 or more, and a choice without a repetition "
                f"penalty. Received tokens={tokens}, repetition_penalty={self.choice.repetition_penalty}."
            )
        self.draft = draft
        self.models = (model, draft)
        self.tokens = tokens
        self.proposed = self.accepted = 0
        both = Both(model, draft)
        self._read_both = backends.compiled(self._prefill_both, both)
        self._rounds = backends.repeated(self._round, both)

    @property
    def acceptance(self) -> float:
        """Part of the last call's proposals that stayed."""
        return self.accepted / max(self.proposed, 1)

    def __call__(self, prompts: Sequence[Sequence[int]], new: int, **how: Any) -> list[list[int]]:
        """Go on with prompts: see [`TokenDecoder`][kerasarch.generation.TokenDecoder]."""
        self.proposed = self.accepted = 0
        return super().__call__(prompts, new, **how)

    def _segment(
        self, texts: list[list[int]], whole: list[list[int]], new: int, draws: Sequence[np.random.Generator]
    ) -> Iterator[Sequence[Sequence[int]]]:
        """Read texts and draw tokens after them, some rounds at a time: those of each text."""
        ids, mask, positions = left_padded(texts, -(-(new + self.tokens + 1) // self.chunk) * self.chunk)
        last = ids.shape[1] - 1
        mask[:, last:] = True  # which places are read is known by the tokens' own
        state = {
            "caches": self._read_both(ids, mask, positions),
            "mask": mask,
            "before": np.ascontiguousarray(ids[:, -2]),
            "token": np.ascontiguousarray(ids[:, -1]),
            "place": np.full(len(texts), last, "int32"),
            "offset": positions[:, -1] - last,
        }
        rounds = max(1, self.chunk // (self.tokens + 1))
        counts = np.zeros(len(texts), int)
        while counts.min() < new:
            shape = (rounds, 2 * self.tokens + 1)
            uniform = np.stack([rng.random(shape, dtype="float32") for rng in draws], axis=1)
            state, outputs = self._rounds(state, uniform)
            found: list[list[int]] = [[] for _ in texts]
            for tokens in np.asarray(ops.convert_to_numpy(outputs)):
                for row, (*several, kept) in enumerate(tokens.tolist()):
                    if counts[row] < new:
                        self.proposed += self.tokens
                        self.accepted += kept
                        found[row] += several[: min(kept + 1, new - counts[row])]
                        counts[row] += kept + 1
            yield found

    def _prefill_both(self, ids: Any, mask: Any, positions: Any) -> list[Any]:
        return [
            model.advance(ids, model.empty_cache(ids.shape[0], mask.shape[1]), 0, mask, positions)[1]
            for model in self.models
        ]

    def _round(self, now: dict[str, Any], uniform: Any) -> tuple[dict[str, Any], Any]:
        """Propose tokens and judge them: ``(B, tokens + 2)`` numbers, the last of which is how many stay."""
        proposing, judging, drawing = uniform[:, : self.tokens], uniform[:, self.tokens : -1], uniform[:, -1]
        # Texts that are long enough go on at the end of the cache, and nobody looks at them.
        place = ops.minimum(now["place"], now["mask"].shape[1] - self.tokens - 1)
        now = {**now, "place": place}
        proposals, shares, draft_cache = self._propose(now, proposing)
        read = ops.concatenate([now["token"][:, None], proposals], axis=1)
        logits, cache = self._ahead(self.model, "score", read, now["caches"][0], place, now)
        stays, after = self._judge(logits, proposals, shares, judging)
        kept = ops.sum(ops.cumprod(ops.cast(stays, "int32"), axis=1), axis=1)
        chosen = after(kept, drawing)
        numbers = ops.arange(self.tokens + 1, dtype="int32")
        padded = ops.pad(proposals, ((0, 0), (0, 1)))
        tokens = ops.where(numbers < kept[:, None], padded, chosen[:, None])
        state = {
            **now,
            "caches": [cache, draft_cache],
            "before": _pick(read, kept),
            "token": chosen,
            "place": place + kept + 1,
        }
        return state, ops.concatenate([tokens, kept[:, None]], axis=1)

    def _ahead(self, model: Any, method: str, ids: Any, cache: Any, place: Any, now: dict[str, Any]) -> Any:
        positions = now["offset"][:, None] + place[:, None] + ops.arange(ids.shape[1], dtype="int32")
        most = model.config.positions - 1 if model.learned_positions else None
        return getattr(model, method)(ids, cache, place, now["mask"], ops.clip(positions, 0, most or 2**30))

    def _propose(self, now: dict[str, Any], uniform: Any) -> tuple[Any, Any, Any]:
        """Return what the draft draws, (B, tokens), by what probabilities, (B, tokens, V), and its cache."""
        place, greedy = now["place"], self.choice.temperature == 0
        # The last proposal of a round was not read; where all of them stayed it is the token before.
        ids = ops.stack([now["before"], now["token"]], axis=1)
        logits, cache = self._ahead(self.draft, "advance", ids, now["caches"][1], place - 1, now)
        proposals = ops.zeros_like(ops.cast(uniform, "int32"))
        batch, vocabulary = logits.shape
        shares = ops.zeros((batch, 0 if greedy else self.tokens, vocabulary))

        def propose(step: Any, logits: Any, proposals: Any, shares: Any) -> tuple[Any, Any, Any]:
            if greedy:
                token = ops.cast(ops.argmax(logits, axis=-1), "int32")
            else:
                these = ops.softmax(self.choice.filtered(logits), axis=-1)
                token = drawn(these, ops.take(uniform, step, axis=1))
                shares = ops.slice_update(shares, (0, step, 0), these[:, None])
            return token, ops.slice_update(proposals, (0, step), token[:, None]), shares

        def one(step: Any, carried: tuple[Any, ...]) -> tuple[Any, ...]:
            logits, cache, proposals, shares = carried
            step = ops.cast(step, "int32")
            token, proposals, shares = propose(step, logits, proposals, shares)
            logits, cache = self._ahead(self.draft, "advance", token[:, None], cache, place + 1 + step, now)
            return logits, cache, proposals, shares

        carried = (logits, cache, proposals, shares)
        logits, cache, proposals, shares = ops.fori_loop(0, self.tokens - 1, one, carried)
        _, proposals, shares = propose(self.tokens - 1, logits, proposals, shares)
        return proposals, shares, cache

    def _judge(self, logits: Any, proposals: Any, shares: Any, uniform: Any) -> tuple[Any, Any]:
        """Return which proposals the model would keep, and what draws the token behind those that stay."""
        if self.choice.temperature == 0:
            best = ops.cast(ops.argmax(logits, axis=-1), "int32")
            return proposals == best[:, :-1], lambda kept, uniform: _pick(best, kept)
        batch, places, vocabulary = logits.shape
        own = ops.softmax(self.choice.filtered(ops.reshape(logits, (batch * places, vocabulary))), axis=-1)
        own = ops.reshape(own, (batch, places, vocabulary))
        of_model, of_draft = (
            ops.take_along_axis(part, proposals[..., None], axis=2)[..., 0] for part in (own[:, :-1], shares)
        )

        def after(kept: Any, uniform: Any) -> Any:
            wanted = _pick(own, kept)
            rest = ops.maximum(wanted - _pick(ops.pad(shares, ((0, 0), (0, 1), (0, 0))), kept), 0.0)
            # Nothing is left where both agree and rounding alone refused the proposal.
            return drawn(ops.where(ops.sum(rest, axis=-1, keepdims=True) > 0, rest, wanted), uniform)

        return uniform * of_draft < of_model, after


class Both:
    """Variables of two models, as of one.

    Args:
        *models: The models.
    """

    def __init__(self, *models: CausalLanguageModel):
        self.models = models

    @property
    def variables(self) -> list[Any]:
        """The variables of all."""
        return [variable for model in self.models for variable in model.variables]


def check_draft(model: CausalLanguageModel, draft: CausalLanguageModel) -> None:
    """Refuse models that cannot work together.

    Raises:
        UsageError: The vocabularies differ, or a model cannot forget what it has read.
    """
    sizes = model.config.vocabulary, draft.config.vocabulary
    if sizes[0] != sizes[1]:
        raise UsageError(
            f"A draft needs the vocabulary of the model that it proposes tokens to, {sizes[0]} tokens. Received one of "
            f"{sizes[1]}."
        )
    for one in (model, draft):
        if not one.forgets:
            raise UsageError(
                f"Speculative decoding takes back what a model has read, and a {type(one).__name__} keeps one state "
                "that holds all of it. Use models with attention, such as GPT2 or Llama."
            )


def _pick(x: Any, place: Any) -> Any:
    """Return ``x[row, place[row]]`` of each row: ``(B, T, ...) -> (B, ...)``."""
    index = ops.reshape(place, (-1,) + (1,) * (len(x.shape) - 1))
    return ops.take_along_axis(x, index, axis=1)[:, 0]
