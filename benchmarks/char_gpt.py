"""How well and how fast a small GPT learns characters, beside the same model in plain PyTorch, on the same batches.

    python benchmarks/char_gpt.py --data input.txt

Sizes and training are the defaults of the recipe char-gpt (nanoGPT's small setting for processors, whose rate
``--learning-rate 0.001`` is). Each backend runs in a process of its own, and the model in plain PyTorch in each of them
too: the two take turns, step by step, so that a machine that slows down slows both; the median counts. Losses are means
over all the held-out text.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from each_backend import on_each_backend, options_of, turns_before

WIDTH, DEPTH, HEADS = 128, 4, 4


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    parser.add_argument("--data", default="python", help="text file (default: the standard library's source)")
    parser.add_argument("--steps", type=int, default=2000, help="steps of training (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and windows (default: 0)")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="of both (default: 0.003)")
    options = parser.parse_args()
    results = on_each_backend(options, lambda backend: measure(backend, options))
    print(table(results, options))


def measure(backend: str, options: argparse.Namespace) -> dict:
    """Train both models on this backend."""
    import keras

    from kerasarch.data import CharacterTokenizer, TokenPassages, TokenWindows, load_corpus
    from kerasarch.training import LanguageOptions

    keras.utils.set_random_seed(options.seed)
    details = LanguageOptions(
        steps=options.steps, warmup=min(100, options.steps // 2), learning_rate=options.learning_rate
    )
    corpus = load_corpus(options.data)
    tokenizer = CharacterTokenizer.learn([corpus.train, corpus.validation])
    train, held_out = (np.array(tokenizer.encode(part)) for part in (corpus.train, corpus.validation))
    windows = TokenWindows(train, length=details.context, batch=details.batch, steps=options.steps, seed=options.seed)
    passages = TokenPassages(held_out, length=details.context, batch=64)
    makers: dict[str, Callable] = {"kerasarch": ours, "plain PyTorch": theirs}
    steps = {name: make(len(tokenizer), details, passages) for name, make in makers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(options.steps):
        ids, targets = windows.batch(0, index)
        for name, (step, _) in steps.items():
            began = time.perf_counter()
            step(ids, targets["logits"])
            seconds[name].append(time.perf_counter() - began)
    first = min(turns_before(backend), options.steps // 2)
    return {
        "backend": backend,
        "seconds": {name: statistics.median(values[first:]) for name, values in seconds.items()},
        "loss": {name: judge() for name, (_, judge) in steps.items()},
    }


def ours(vocabulary: int, details, passages) -> tuple[Callable, Callable]:
    """Return a step of ours, and what says the loss on the held-out text."""
    from kerasarch import models
    from kerasarch.runs.language import compile_language_model

    model = models.gpt2(
        models.GPT2Config(
            vocabulary=vocabulary, positions=details.context, width=WIDTH, depth=DEPTH, heads=HEADS, bias=False,
            start=None, end=None,
        )
    )  # fmt: skip
    compile_language_model(model, details, details.steps)
    return (
        lambda ids, targets: model.train_on_batch(ids, {"logits": targets}),
        lambda: float(model.evaluate(passages, verbose=0, return_dict=True)["loss"]),
    )


def theirs(vocabulary: int, details, passages) -> tuple[Callable, Callable]:
    """Return the same of the model in plain PyTorch."""
    import torch
    from plain_gpt import PlainGPT
    from torch_training import descent

    torch.manual_seed(0)
    model = PlainGPT(vocabulary, details.context, WIDTH, DEPTH, HEADS)
    down = descent(model, details)

    def loss_of(ids: np.ndarray, targets: np.ndarray) -> torch.Tensor:
        logits = model(torch.from_numpy(ids).long())
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).long().flatten())

    @torch.no_grad()
    def judge() -> float:
        parts = [passages.batch(0, index) for index in range(passages.steps)]
        losses = [(loss_of(ids, targets["logits"]).item(), len(ids)) for ids, targets in parts]
        return sum(loss * count for loss, count in losses) / sum(count for _, count in losses)

    return lambda ids, targets: down(lambda: loss_of(ids, targets)), judge


def table(results: list[dict], options: argparse.Namespace) -> str:
    """Return the figures as text, 80 columns wide."""
    lines = [
        f"{options.steps} steps at {options.learning_rate:g}, seed {options.seed}; held-out loss, milliseconds a step",
        f"{'our backend':<14}{'loss':>8}{'PyTorch':>9}{'ms a step':>12}{'PyTorch':>9}{'our time / theirs':>20}",
    ]
    for row in results:
        loss, seconds = row["loss"], row["seconds"]
        mine, plain = seconds["kerasarch"], seconds["plain PyTorch"]
        lines.append(
            f"{row['backend']:<14}{loss['kerasarch']:>8.3f}{loss['plain PyTorch']:>9.3f}{mine * 1000:>12.1f}"
            f"{plain * 1000:>9.1f}{mine / plain:>20.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
