"""How fast texts are gone on with, beside transformers on PyTorch and KerasHub: the same shapes, greedy, with a cache.

    python benchmarks/generation.py
    python benchmarks/generation.py --model llama --batch 1 --backend jax --part decoding --json figures.json

Each of our backends runs in a process of its own, and transformers' ``generate`` in each of them too: they take turns,
text by text, so that a machine that slows down slows all; the median counts. KerasHub takes part on the same backend
where keras_hub is installed. A file of ``--json`` gathers what is measured in parts, and all of it is printed. Weights
are random, and no token ends a text. ``first`` and ``last`` are our tokens a second in the first and the last quarter
of a text.

Speculative decoding is timed on a model whose next token is known: its head is made of its embedding, so that after
token t comes ``next(t)``, around one large circle of all tokens. The draft, one narrow block with a head made in the
same way, has another successor for 30 tokens of 100. Both compute all their layers. ``agreed`` is the part of the
text's tokens behind which the draft would be right, ``stayed`` that of its proposals, some of which follow a wrong one.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from each_backend import options_of, rows_of_each_backend

PROMPT = 16
"""Tokens before the first that is drawn."""
GPT2 = {"vocabulary": 50257, "width": 768, "depth": 12, "heads": 12}
LLAMA = {"vocabulary": 32000, "width": 512, "depth": 4, "heads": 8, "kv_heads": 4, "hidden": 1408}
NARROW = {"width": 128, "depth": 1, "heads": 2}
AGREED = 0.7


PEERS = ("transformers", "keras_hub")
NAMES = ("part", "backend", "model", "batch", "peer", "new_tokens")
"""What tells figures apart."""


def main() -> None:
    """Run every backend and print the tables."""
    parser = options_of(__doc__)
    parser.add_argument("--model", choices=("gpt2", "llama"), action="append", help="only this one")
    parser.add_argument("--batch", type=int, action="append", help="texts at once; may be repeated (default: 1, 16)")
    parser.add_argument("--new-tokens", type=int, default=512, help="tokens to draw (default: 512)")
    parser.add_argument("--steps", type=int, default=1, help="timed texts of each kind (default: 1)")
    parser.add_argument("--draft-tokens", type=int, default=3, help="proposals of a round (default: 3)")
    parser.add_argument("--part", choices=("decoding", "drafting"), action="append", help="only this one")
    parser.add_argument("--peer", choices=PEERS, action="append", help="only this one beside ours")
    options = parser.parse_args()
    print(table(rows_of_each_backend(options, lambda backend: measure(backend, options), NAMES), options))


def measure(backend: str, options: argparse.Namespace) -> list[dict]:
    """Time everything on one backend."""
    rows = []
    for part in options.part or ("decoding", "drafting"):
        for name in options.model or ("gpt2", "llama"):
            of = {"part": part, "backend": backend, "model": name, "new_tokens": options.new_tokens}
            if part == "drafting":
                rows.append({**of, "batch": 1, "peer": None, **drafting(name, options)})
            else:
                for batch in options.batch or (1, 16):
                    rows += [{**of, "batch": batch, **row} for row in decoding(name, batch, options)]
    return rows


def decoding(name: str, batch: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return tokens a second of ours beside transformers and KerasHub, and ours by quarters of a text."""
    from kerasarch.generation import TokenDecoder

    prompts = np.random.default_rng(0).integers(0, 30000, (batch, PROMPT))
    decoder = TokenDecoder(our_model(name))
    marks: list[float] = []

    def ours(new: int) -> None:
        marks[:] = [time.perf_counter()]
        decoder(prompts.tolist(), options.new_tokens, watch=lambda _: marks.append(time.perf_counter()), stop=at(new))

    steps, peers = {"kerasarch": ours}, options.peer or PEERS
    if "transformers" in peers:
        steps["transformers"] = their_steps(name, prompts)
    if "keras_hub" in peers and importlib.util.find_spec("keras_hub") is not None:
        steps["keras_hub"] = hub_steps(name, prompts, options.new_tokens)
    seconds = take_turns(steps, options)
    chunks = np.diff(marks[1:])  # the first one holds the reading of the prompts
    quarter = max(len(chunks) // 4, 1)
    first, last = (batch * decoder.chunk * quarter / part.sum() for part in (chunks[:quarter], chunks[-quarter:]))
    rates = {key: batch * options.new_tokens / value for key, value in seconds.items()}
    own = {"ours": rates.pop("kerasarch"), "first": float(first), "last": float(last)}
    return [{"peer": peer, "theirs": rate, **own} for peer, rate in rates.items()]


def at(new: int) -> Callable[[int, list[int]], bool]:
    """Return what ends a text behind so many tokens."""
    return lambda row, tokens: len(tokens) >= new


def our_model(name: str, **other: Any) -> Any:
    """Return one of ours with random weights."""
    from kerasarch import models

    if name == "gpt2":
        return models.gpt2(**{**GPT2, **other}, end=None)
    return models.llama(models.LlamaConfig(), **{**LLAMA, **other}, end=None)


def their_steps(name: str, prompts: np.ndarray) -> Callable[[int], None]:
    """Return what lets transformers go on with so many tokens."""
    import torch
    import transformers

    ends = {"bos_token_id": None, "eos_token_id": None}
    if name == "gpt2":
        network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**ends))
    else:
        config = transformers.LlamaConfig(
            vocab_size=LLAMA["vocabulary"],
            hidden_size=LLAMA["width"],
            intermediate_size=LLAMA["hidden"],
            num_hidden_layers=LLAMA["depth"],
            num_attention_heads=LLAMA["heads"],
            num_key_value_heads=LLAMA["kv_heads"],
            **ends,
        )
        network = transformers.LlamaForCausalLM(config)
    ids = torch.tensor(prompts)
    how = {"attention_mask": torch.ones_like(ids), "do_sample": False, "use_cache": True, "pad_token_id": 0}
    network.eval()
    return lambda new: network.generate(ids, max_new_tokens=new, **how)


def hub_steps(name: str, prompts: np.ndarray, most: int) -> Callable[[int], None]:
    """Return what lets KerasHub's model go on: always to the end, as its loop is compiled for a length."""
    import keras_hub

    sizes = {"vocabulary_size": GPT2["vocabulary"], "num_layers": GPT2["depth"], "hidden_dim": GPT2["width"]}
    if name == "gpt2":
        sizes |= {"num_heads": GPT2["heads"], "intermediate_dim": 4 * GPT2["width"], "max_sequence_length": 1024}
        model = keras_hub.models.GPT2CausalLM(keras_hub.models.GPT2Backbone(**sizes))
    else:
        sizes = {"vocabulary_size": LLAMA["vocabulary"], "num_layers": LLAMA["depth"], "hidden_dim": LLAMA["width"]}
        sizes |= {"num_query_heads": LLAMA["heads"], "num_key_value_heads": LLAMA["kv_heads"]}
        backbone = keras_hub.models.LlamaBackbone(**sizes, intermediate_dim=LLAMA["hidden"])
        model = keras_hub.models.LlamaCausalLM(backbone)
    model.compile(sampler="greedy")
    ids = np.pad(prompts, ((0, 0), (0, most))).astype("int32")
    known = np.broadcast_to(np.arange(ids.shape[1]) < PROMPT, ids.shape).astype("int32")
    return lambda new: model.generate({"token_ids": ids, "padding_mask": known}, stop_token_ids=None)


def drafting(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return tokens a second with and without a draft, and the part of its proposals that stay."""
    from kerasarch.generation import SpeculativeDecoder, TokenDecoder

    vocabulary = (GPT2 if name == "gpt2" else LLAMA)["vocabulary"]
    rng = np.random.default_rng(0)
    circle = rng.permutation(vocabulary)
    after = np.empty(vocabulary, int)
    after[circle] = np.roll(circle, -1)
    wrong = rng.random(vocabulary) > AGREED
    mistaken = np.where(wrong, rng.permutation(vocabulary), after)
    model = following(our_model(name, tied=False), after, rng)
    hidden = {"hidden": 4 * NARROW["width"]} | ({"kv_heads": 2} if name == "llama" else {})
    draft = following(our_model(name, tied=False, **NARROW, **hidden), mistaken, rng)
    alone, helped = TokenDecoder(model), SpeculativeDecoder(model, draft, tokens=options.draft_tokens)
    prompt = [rng.integers(0, vocabulary, PROMPT).tolist()]
    texts: dict[str, Any] = {}

    def steps_of(key: str, decoder: Any) -> Callable[[int], None]:
        def run(new: int) -> None:
            texts[key] = decoder(prompt, options.new_tokens, stop=at(new))

        return run

    seconds = take_turns({"alone": steps_of("alone", alone), "helped": steps_of("helped", helped)}, options)
    rates = {key: options.new_tokens / value for key, value in seconds.items()}
    read = np.array(texts["alone"][0][:-1])
    agreed = float(np.mean(mistaken[read] == after[read]))
    same = texts["alone"] == texts["helped"]
    return {**rates, "proposals": helped.tokens, "agreed": agreed, "stayed": helped.acceptance, "same": same}


def following(model: Any, after: np.ndarray, rng: np.random.Generator) -> Any:
    """Give a model a head that answers each token with the one ``after`` it."""
    embedding = rng.normal(size=model.token_embedding.embeddings.shape).astype("float32")
    model.token_embedding.embeddings.assign(embedding)
    head = np.zeros_like(embedding)
    scale = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    np.add.at(head, after, scale)  # tokens may share a successor
    model.head.kernel.assign(head.T)
    return model


def take_turns(steps: dict[str, Callable[[int], None]], options: argparse.Namespace) -> dict[str, float]:
    """Return the median seconds of each step, once each has been compiled and warmed up by some tokens."""
    for step in steps.values():
        step(min(40, options.new_tokens))
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.steps):
        for name, step in steps.items():
            began = time.perf_counter()
            step(options.new_tokens)
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def table(rows: list[dict], options: argparse.Namespace) -> str:
    """Return the figures as text."""
    rows = [row for row in rows if row["new_tokens"] == options.new_tokens]
    titles = ("backend", "model", "batch", "peer", "ours", "theirs", "ours/theirs", "first", "last")
    widths = (-12, -6, 5, 14, 9, 9, 13, 8, 8)
    lines = [f"{options.new_tokens} new tokens behind {PROMPT}, float32; tokens a second", aligned(titles, widths)]
    for row in (row for row in rows if row["part"] == "decoding"):
        cells = [row["backend"], row["model"], str(row["batch"]), row["peer"]]
        cells += [f"{row['ours']:.1f}", f"{row['theirs']:.1f}", f"{row['ours'] / row['theirs']:.2f}"]
        lines.append(aligned([*cells, f"{row['first']:.1f}", f"{row['last']:.1f}"], widths))
    titles = ("backend", "model", "proposals", "alone", "with a draft", "ratio", "agreed", "stayed", "same text")
    widths = (-12, -6, 10, 8, 14, 8, 9, 9, 11)
    lines += ["", "speculative decoding, batch 1; tokens a second", aligned(titles, widths)]
    for row in (row for row in rows if row["part"] == "drafting"):
        cells = [row["backend"], row["model"], str(row["proposals"]), f"{row['alone']:.1f}", f"{row['helped']:.1f}"]
        cells += [f"{row['helped'] / row['alone']:.2f}", f"{row['agreed']:.0%}", f"{row['stayed']:.0%}"]
        lines.append(aligned([*cells, "yes" if row["same"] else "no"], widths))
    return "\n".join(lines)


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return a line of a table; negative widths stand on the left."""
    return "".join(
        cell.ljust(-width) if width < 0 else cell.rjust(width) for cell, width in zip(cells, widths, strict=True)
    )


if __name__ == "__main__":
    main()
