"""``kerasarch generate RUN|FOLDER``: texts that go on, or their translations, by a run's model or public weights."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.drafting import PROPOSED, check_drafting, open_draft, say_acceptance
from kerasarch.commands.opening import start
from kerasarch.commands.run_argument import RunName, model_options
from kerasarch.errors import UsageError

STREAMED = 8
"""Tokens that are drawn between two looks at them where a person is watching."""
CANDIDATES = 5
"""Of the search for a translation, unless asked for."""


@click.command(short_help="Go on with a text, or translate it")
@click.argument("model", metavar="RUN|FOLDER", type=RunName())
@click.option("--prompt", "prompts", metavar="TEXT", multiple=True, help="Text to go on with; may be repeated.")
@click.option(
    "--prompts",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File with a prompt a line.",
)
@click.option("--new", type=int, default=200, show_default=True, metavar="N", help="Tokens to draw a prompt, at most.")
@click.option("--n", "count", type=int, default=1, show_default=True, help="Texts to draw of each prompt.")
@click.option("--seed", type=int, metavar="N", help="Same seed, same texts.  [default: 0]")
@click.option(
    "--temperature",
    type=float,
    metavar="NUMBER",
    help="What logits are divided by; 0 takes the most probable token.  [default: 0.8]",
)
@click.option("--top-k", type=int, metavar="N", help="Draw from so many of the most probable tokens.")
@click.option("--top-p", type=float, metavar="NUMBER", help="Draw from the most probable tokens of this probability.")
@click.option(
    "--min-p", type=float, metavar="NUMBER", help="Draw from tokens at least this part as probable as the best."
)
@click.option(
    "--repetition-penalty", type=float, metavar="NUMBER", help="Above 1 makes tokens rarer that the text has already."
)
@click.option("--beams", type=int, metavar="N", help="Search for the most probable text with so many candidates.")
@click.option(
    "--length-penalty", type=float, metavar="NUMBER", help="Of --beams: above 0 favours long texts.  [default: 1]"
)
@click.option(
    "--draft",
    type=RunName(),
    metavar="RUN|FOLDER",
    help="Smaller model with the same tokens that proposes them: as likely texts, sooner.",
)
@click.option(
    "--draft-tokens", type=int, metavar="K", help=f"Of --draft: tokens that it proposes at once.  [default: {PROPOSED}]"
)
@click.option("--stop", metavar="TEXT", multiple=True, help="Text that ends what is drawn; may be repeated.")
@click.option("--dtype", metavar="NAME", help="Of a folder's model: float32, bfloat16, mixed_bfloat16, ...")
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: prompts and texts.")
def command(
    model: str,
    prompts: tuple[str, ...],
    file: Path | None,
    new: int,
    count: int,
    seed: int | None,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    repetition_penalty: float | None,
    beams: int | None,
    length_penalty: float | None,
    draft: str | None,
    draft_tokens: int | None,
    stop: tuple[str, ...],
    dtype: str | None,
    backend: str | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Go on with texts, or translate them.

    RUN|FOLDER is a run of a language model (its folder, its short id, latest, or RECIPE/latest), a folder of weights in
    Hugging Face layout with its tokenizer, or hf:ORG/NAME. One text is shown while it is drawn. A model that reads one
    text and writes another searches for its translation, or draws one where --temperature or the like is given.
    """
    lines = read_lines(file)
    given = [*prompts, *lines]
    if not prompts and not any(lines):
        raise UsageError("there is nothing to go on with. Give a text: --prompt TEXT.")
    for name, value, least in (("new", new, 1), ("n", count, 1), ("seed", seed or 0, 0)):
        if value < least:
            raise UsageError(f"--{name}: received {value}, expected a whole number from {least} on.")
    drawing = {
        "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
        "repetition_penalty": repetition_penalty,
    }  # fmt: skip
    chosen = {name: value for name, value in drawing.items() if value is not None}
    drawn = [*chosen, *(["seed"] if seed is not None else [])]
    check_search(beams, length_penalty, drawn, count)
    check_drafting(draft, draft_tokens, beams, repetition_penalty)
    seed = seed or 0
    from kerasarch.runs.text_model import is_translator, open_text_model, run_of

    folder = run_of(model, runs)
    start(backend or (folder.run.get("backend") if folder is not None else None))
    language, tokenizer = open_text_model(model, folder, dtype=dtype)
    writes = is_translator(language)
    if writes and draft is not None:
        raise UsageError("--draft is for models that go on with texts; this one reads one text and writes another.")
    if writes and not drawn and count == 1:
        check_translation(stop)
        say_translations(given, translations(language, tokenizer, given, new, beams, length_penalty), as_json)
        return
    given = [*prompts, *(line for line in lines if line)]
    generate = generator_of(language, tokenizer, chosen, beams, length_penalty, stop)
    if draft is not None:
        proposing = open_draft(draft, runs, given, tokenizer, dtype)
        generate.decoder = drafted(generate.decoder, proposing, draft_tokens or PROPOSED)
    rows = [prompt for prompt in given for _ in range(count)]
    before = [""] * len(rows) if writes else rows
    how = {"seed": seed} if writes else {"seed": seed, "slide": True}
    if len(rows) == 1 and not as_json and beams is None:
        generate.tokens_of(rows[0])  # what cannot be read is refused before it is shown
        with Shown(before[0]) as shown:
            text = generate(rows, new, watch=lambda texts: shown(texts[0]), **how)[0]
            shown(text)
        say_acceptance(generate.decoder)
        return
    texts = generate(rows, new) if beams else generate(rows, new, **how)
    say_acceptance(generate.decoder)
    if as_json:
        console.say_json([{"prompt": prompt, "text": text} for prompt, text in zip(rows, texts, strict=True)])
        return
    console.say("\n\n".join(f"{prompt}{text}" for prompt, text in zip(before, texts, strict=True)))


def read_lines(file: Path | None) -> list[str]:
    """Return the lines of a file, none where there is no file.

    Raises:
        UsageError: It cannot be read.
    """
    if file is None:
        return []
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--prompts: {file} cannot be read ({error}).") from error


def check_search(beams: int | None, length_penalty: float | None, chosen: Sequence[str], count: int) -> None:
    """Refuse options that have no meaning together.

    Raises:
        UsageError: Draws and a search are asked for at once, or a number is out of its range.
    """
    if beams is None:
        if length_penalty is not None:
            raise UsageError("--length-penalty is for --beams, which is not given.")
        return
    if beams < 1:
        raise UsageError(f"--beams: received {beams}, expected a whole number from 1 on.")
    if chosen or count > 1:
        name = next(iter(chosen), "n").replace("_", "-")
        raise UsageError(f"--{name} and --beams exclude each other: a search does not draw. Leave one of them out.")


def check_translation(stop: Sequence[str]) -> None:
    """Refuse what is for texts that are drawn.

    Args:
        stop: Texts that end what is drawn.

    Raises:
        UsageError: There is one.
    """
    if stop:
        raise UsageError("--stop: this model searches for a translation. To draw one, give --temperature too.")


def translations(
    model: Any, tokenizers: Any, texts: Sequence[str], new: int, beams: int | None, length_penalty: float | None
) -> list[str]:
    """Return a translation of each text; what is empty stays empty, so that lines stay beside their lines."""
    from kerasarch.generation import BeamSearch, TextTranslator

    penalty = 1.0 if length_penalty is None else length_penalty
    search = BeamSearch(model, beams=beams or CANDIDATES, length_penalty=penalty)
    translate = TextTranslator(search, tokenizers.source, tokenizers.target)
    found = iter(translate([text for text in texts if text], new=new))
    return [next(found) if text else "" for text in texts]


def say_translations(texts: Sequence[str], found: Sequence[str], as_json: bool) -> None:
    """Print translations, one a line, or as JSON."""
    if as_json:
        console.say_json([{"prompt": text, "text": one} for text, one in zip(texts, found, strict=True)])
        return
    console.say("\n".join(one.replace("\n", " ") for one in found))


def generator_of(
    language: Any,
    tokenizer: Any,
    chosen: dict[str, Any],
    beams: int | None,
    length_penalty: float | None,
    stop: Sequence[str],
) -> Any:
    """Return what goes on with texts."""
    from kerasarch.generation import BeamSearch, TextGenerator, TextWriter, TokenChoice, TokenDecoder, TokenWriter
    from kerasarch.runs.text_model import is_translator

    if beams is None:
        choice = TokenChoice(**{"temperature": 0.8, **chosen})
        if is_translator(language):
            writer = TokenWriter(language, choice=choice, chunk=STREAMED)
            return TextWriter(writer, tokenizer.source, tokenizer.target, stop=stop)
        return TextGenerator(TokenDecoder(language, choice=choice, chunk=STREAMED), tokenizer, stop=stop)
    search = BeamSearch(language, beams=beams, length_penalty=1.0 if length_penalty is None else length_penalty)
    return TextGenerator(lambda rows, new, **_: [found[0].tokens for found in search(rows, new)], tokenizer, stop=stop)


def drafted(decoder: Any, draft: Any, tokens: int) -> Any:
    """Return a decoder that draws as another one does, with the help of a draft."""
    from kerasarch.generation import SpeculativeDecoder

    return SpeculativeDecoder(decoder.model, draft, tokens=tokens, choice=decoder.choice, chunk=decoder.chunk)


class Shown:
    """Prints a prompt, what is new of a text that grows behind it, and the end of the line.

    Args:
        prompt: What it begins with.
    """

    def __init__(self, prompt: str):
        self.prompt, self.length = prompt, 0

    def __enter__(self) -> Callable[[str], None]:
        sys.stdout.write(self.prompt)
        sys.stdout.flush()
        return self.show

    def show(self, text: str) -> None:
        """Print what comes after the part that is there already."""
        sys.stdout.write(text[self.length :])
        sys.stdout.flush()
        self.length = max(self.length, len(text))

    def __exit__(self, *_: object) -> None:
        sys.stdout.write("\n")
