"""Texts that go on: a compiled loop draws token after token, with a cache of fixed size."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.errors import UsageError
from kerasarch.generation.prompts import check_prompts, left_padded
from kerasarch.generation.token_choice import TokenChoice
from kerasarch.models import CausalLanguageModel


class TokenDecoder:
    """Draws tokens after prompts.

    The prompts are read in one call; then tokens are drawn in a loop that is compiled on JAX and TensorFlow and
    recorded on PyTorch, some at a time. Its cost a token does not grow with the text. Prompts of different lengths are
    padded on the left.

    ```python
    decoder = TokenDecoder(model, choice=TokenChoice(temperature=0.8, top_k=50))
    texts = decoder([[464, 3290], [15496]], new=100, seed=1)
    ```

    Args:
        model: A [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel] with a head.
        choice: How tokens are chosen; None takes the most probable one.
        end: Tokens that end a text; None for what the model's config says.
        chunk: Tokens that are drawn between two looks at whether all texts have ended.

    Raises:
        UsageError: The model has no head, or an argument is out of its range.
    """

    def __init__(
        self,
        model: CausalLanguageModel,
        *,
        choice: TokenChoice | None = None,
        end: Sequence[int] | None = None,
        chunk: int = 32,
    ):
        if not getattr(model.config, "head", True) or chunk < 1:
            raise UsageError(f"A TokenDecoder needs a model with a head, and chunk=1 or more. Received chunk={chunk}.")
        self.model = model
        self.models: tuple[CausalLanguageModel, ...] = (model,)
        self.choice = TokenChoice(temperature=0.0) if choice is None else choice
        said = model.config.end if end is None else end
        self.end = tuple(int(token) for token in ((said,) if isinstance(said, int) else said or ()))
        self.chunk = chunk
        self._read = backends.compiled(self._prefill, model)
        self._draw = backends.repeated(self._step, model)

    def __call__(
        self,
        prompts: Sequence[Sequence[int]],
        new: int,
        *,
        seed: int = 0,
        watch: Callable[[list[list[int]]], Any] | None = None,
        stop: Callable[[int, list[int]], bool] | None = None,
        slide: bool = False,
    ) -> list[list[int]]:
        """Go on with prompts.

        Args:
            prompts: Tokens of each, one or more.
            new: Tokens to draw for each, at most: a text ends where an ending token is drawn.
            seed: The draws of text i descend from the seed and i alone, on every backend.
            watch: Called with the new tokens of each text whenever some have been drawn.
            stop: Asked then with the number of a text and its new tokens whether it ends there.
            slide: Where a text gets longer than a model has learned positions, go on from its last part alone, half of
                them at least, which is read anew.

        Returns:
            The new tokens of each prompt, without the ending one.

        Raises:
            UsageError: There is no prompt, one is empty or holds what is no token, or nothing is to be drawn.
            ShapeError: The model has fewer positions, and ``slide`` is false.
        """
        longest = self._admit(prompts, new, slide)
        draws = [np.random.default_rng([seed, row]) for row in range(len(prompts))]
        drawn: list[list[int]] = [[] for _ in prompts]
        open_rows = set(range(len(prompts)))
        done = 0
        while open_rows and done < new:
            texts = [[*prompt, *one] for prompt, one in zip(prompts, drawn, strict=True)]
            count, known = self._part(longest + done, new - done)
            for tokens in self._segment([text[-known:] for text in texts], texts, count, draws):
                for row in sorted(open_rows):
                    if not self._take(drawn[row], tokens[row]) or (stop is not None and stop(row, drawn[row])):
                        open_rows.discard(row)
                if watch is not None:
                    watch([list(one) for one in drawn])
                if not open_rows:
                    break
            done += count
        return drawn

    def _admit(self, prompts: Sequence[Sequence[int]], new: int, slide: bool) -> int:
        """Refuse what cannot be gone on with, and return the length of the longest prompt."""
        check_prompts(prompts, new, self.model.config.vocabulary)
        longest = max(len(prompt) for prompt in prompts)
        if not slide:
            for model in self.models:
                model.check_length(longest + new)
        return longest

    def _part(self, length: int, new: int) -> tuple[int, int]:
        """Return how many tokens are drawn before texts are read anew, and how many of the last ones are read."""
        limits = [model.config.positions for model in self.models if model.learned_positions]
        most = min(limits, default=length + new)
        count = min(new, max(most - length, most // 2, 1))
        return count, max(most - count, 1)

    def _segment(
        self, texts: list[list[int]], whole: list[list[int]], new: int, draws: Sequence[np.random.Generator]
    ) -> Iterator[Sequence[Sequence[int]]]:
        """Read texts and draw tokens after them, some at a time: those of each text."""
        state = self._begin(texts, whole, new)
        for start in range(0, new, self.chunk):
            drawn = min(self.chunk, new - start)
            uniform = np.zeros((self.chunk, len(texts)), "float32")
            uniform[:drawn] = np.transpose([rng.random(drawn, dtype="float32") for rng in draws])
            state, tokens = self._draw(state, uniform)
            yield np.asarray(ops.convert_to_numpy(tokens)).T[:, :drawn].tolist()

    def _begin(self, texts: list[list[int]], whole: list[list[int]], new: int) -> dict[str, Any]:
        """Read texts, and return the state before the first token after them."""
        ids, mask, positions = left_padded(texts, -(-new // self.chunk) * self.chunk)
        logits, cache = self._read(ids, mask, positions)
        state = {
            "logits": logits,
            "cache": cache,
            "mask": mask,
            "place": np.int32(ids.shape[1]),
            "position": positions[:, -1] + 1,
        }
        if self.choice.repetition_penalty != 1:
            state["seen"] = self._seen(whole)
        return state

    def _seen(self, prompts: Sequence[Sequence[int]]) -> np.ndarray:
        seen = np.zeros((len(prompts), self.model.config.vocabulary), bool)
        for row, prompt in enumerate(prompts):
            seen[row, list(prompt)] = True
        return seen

    def _take(self, drawn: list[int], found: Sequence[int]) -> bool:
        """Add tokens up to an ending one, and say whether there was none."""
        for token in found:
            if int(token) in self.end:
                return False
            drawn.append(int(token))
        return True

    def _prefill(self, ids: Any, mask: Any, positions: Any) -> tuple[Any, Any]:
        cache = self.model.empty_cache(ids.shape[0], mask.shape[1])
        return self.model.advance(ids, cache, 0, mask, positions)

    def _step(self, now: dict[str, Any], uniform: Any) -> tuple[dict[str, Any], Any]:
        """Draw a token of each text, given a number from 0 to 1 for each, and read it."""
        token = self.choice.choose(self._logits(now), uniform, now.get("seen"))
        mask = ops.logical_or(now["mask"], ops.arange(now["mask"].shape[1], dtype="int32") == now["place"])
        # What is drawn beyond the last position fills up a chunk, and is dropped.
        limited = getattr(self.model, "learned_positions", False)
        position = ops.minimum(now["position"], self.model.config.positions - 1) if limited else now["position"]
        logits, cache = self.model.advance(token[:, None], now["cache"], now["place"], mask, position[:, None])
        after = {
            **now,
            "logits": logits,
            "cache": cache,
            "mask": mask,
            "place": now["place"] + 1,
            "position": now["position"] + 1,
        }
        if "seen" in now:
            drawn = ops.arange(now["seen"].shape[1], dtype="int32") == token[:, None]
            after["seen"] = ops.logical_or(now["seen"], drawn)
        return after, token

    def _logits(self, now: dict[str, Any]) -> Any:
        """Return the logits that a token is chosen by: ``(B, V)``."""
        return now["logits"]
