"""How fast BERT-base and GPT-2 learn, beside transformers on PyTorch: the same sizes, the same batch.

    python benchmarks/language.py --batch 4 --tokens 128
    python benchmarks/language.py --model bert --backend torch --json figures.json

Each of our backends runs in a process of its own, and transformers' model in each of them too: the two take turns, step
by step, so that a machine that slows down slows both; the median counts, on the clock and in processor time. A file of
``--json`` gathers what is measured in parts, and all of it is printed.

A step is what the recipes do: the model with dropout behind its branches and embeddings (none on the weights of the
attention), cross-entropy of logits, gradients clipped by their norm, AdamW with a warm-up, on one batch of random
tokens that stays where it is. BERT guesses 15 of 100 tokens, GPT-2 the next one. Theirs runs AdamW in one pass
(``fused``), as their trainer does.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from each_backend import options_of, rows_of_each_backend, take_timed_turns, turns_before

VOCABULARIES = {"bert": 30522, "gpt2": 50257}
HIDDEN = 0.15
"""Part of the tokens that BERT guesses."""
NAMES = ("backend", "model", "depth", "batch", "tokens")
"""What tells figures apart."""


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    parser.add_argument("--model", choices=VOCABULARIES, action="append", help="only this one")
    parser.add_argument("--batch", type=int, default=4, help="texts in a batch (default: 4)")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of a text (default: 128)")
    parser.add_argument("--depth", type=int, default=12, help="blocks (default: 12)")
    parser.add_argument("--dropout", type=float, default=0.1, help="rate (default: 0.1)")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each kind (default: 5)")
    options = parser.parse_args()
    print(table(rows_of_each_backend(options, lambda backend: measure(backend, options), NAMES)))


def measure(backend: str, options: argparse.Namespace) -> list[dict]:
    """Time our models on this backend and transformers' on PyTorch."""
    from kerasarch.training import LanguageOptions

    rows = []
    for name in options.model or VOCABULARIES:
        ids, targets = batch_of(name, options)
        details = LanguageOptions(steps=1000)
        steps = {
            "ours": our_step(name, ids, targets, details, options),
            "theirs": their_step(name, ids, targets, details, options),
        }
        row: dict[str, Any] = {"backend": backend, "model": name}
        row |= {"depth": options.depth, "batch": options.batch, "tokens": options.tokens}
        for key, (wall, busy) in take_timed_turns(steps, options.steps, turns_before(backend)).items():
            row[key] = {"wall": wall, "cpu": busy}
        rows.append(row)
    return rows


def batch_of(name: str, options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens and what is to be guessed, -100 where nothing is."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, VOCABULARIES[name], (options.batch, options.tokens + 1)).astype("int32")
    if name == "gpt2":
        return ids[:, :-1], ids[:, 1:]
    return ids[:, 1:], np.where(rng.random((options.batch, options.tokens)) < HIDDEN, ids[:, 1:], -100)


def our_step(
    name: str, ids: np.ndarray, targets: np.ndarray, details: Any, options: argparse.Namespace
) -> Callable[[], None]:
    """Return a step of ours, as ``fit`` runs it."""
    import keras

    from kerasarch import models
    from kerasarch.runs.language import compile_language_model, language_optimizer

    if name == "gpt2":
        model = models.gpt2(depth=options.depth, dropout=options.dropout)
        compile_language_model(model, details, details.steps)
    else:
        model = models.bert(depth=options.depth, dropout=options.dropout, head="masked_lm")
        model.compile(language_optimizer(model, details, details.steps), loss=model.losses_by_name())
    x, y = (keras.ops.convert_to_tensor(part) for part in (ids, targets))
    # The results are NumPy numbers: no step can end before its work is done.
    return lambda: model.train_on_batch(x, {"logits": y})


def their_step(
    name: str, ids: np.ndarray, targets: np.ndarray, details: Any, options: argparse.Namespace
) -> Callable[[], None]:
    """Return the same step of transformers."""
    import torch
    import transformers
    from torch_training import descent

    if name == "gpt2":
        rates = {"resid_pdrop": options.dropout, "embd_pdrop": options.dropout, "attn_pdrop": 0.0}
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=options.depth, use_cache=False, **rates))
    else:
        rates = {"hidden_dropout_prob": options.dropout, "attention_probs_dropout_prob": 0.0}
        model = transformers.BertForMaskedLM(transformers.BertConfig(num_hidden_layers=options.depth, **rates))
    model.train()
    down = descent(model, details)
    x, y = (torch.from_numpy(part).long() for part in (ids, targets))
    labels = x if name == "gpt2" else y  # GPT-2 shifts them itself
    return lambda: down(lambda: model(input_ids=x, labels=labels).loss)


def table(rows: list[dict]) -> str:
    """Return the figures as text."""
    lines = [
        "tokens a second in training; ratios: our time / theirs, clock and CPU",
        f"{'backend':<12}{'model':<7}{'batch':>11}{'ours':>9}{'transformers':>14}{'clock':>8}{'CPU':>7}",
    ]
    for row in rows:
        size = f"{row['batch']} x {row['tokens']}"
        rates = [row["batch"] * row["tokens"] / row[key]["wall"] for key in ("ours", "theirs")]
        ratios = [row["ours"][key] / row["theirs"][key] for key in ("wall", "cpu")]
        lines.append(
            f"{row['backend']:<12}{row['model']:<7}{size:>11}{rates[0]:>9.1f}{rates[1]:>14.1f}"
            f"{ratios[0]:>8.2f}{ratios[1]:>7.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
