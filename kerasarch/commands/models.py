"""``kerasarch models``: model families and their variants, from source text, without importing any of them."""

import click

from kerasarch.commands import console
from kerasarch.commands.list import matches
from kerasarch.registry import names


@click.command(short_help="List the model families and their variants")
@click.argument("query", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(query: str | None, as_json: bool) -> None:
    """List the model families and their variants.

    QUERY is a word to look for in names, variants and summaries.
    """
    known = names("models")
    chosen = {
        name: entry
        for name, entry in known.items()
        if not query or matches(query, f"{name} {' '.join(entry.summary.variants)}", entry)
    }
    if as_json:
        console.say_json(
            [
                {
                    "name": name,
                    "summary": entry.summary.text,
                    "variants": list(entry.summary.variants),
                    "origin": entry.distribution,
                    "version": entry.version,
                    "module": entry.value,
                    "problem": entry.summary.problem or None,
                }
                for name, entry in chosen.items()
            ]
        )
        return
    for name, entry in chosen.items():
        if entry.summary.problem:
            continue
        origin = "" if entry.builtin else console.dim(f"  from {entry.origin}")
        console.say(console.name(name) + origin)
        if entry.summary.text:
            console.say(console.wrap(entry.summary.text, indent="  "))
        if entry.summary.variants:
            console.say(console.wrap(", ".join(entry.summary.variants), indent="            ", first="  Variants: "))
        console.say()
    if not chosen:
        console.say(f"No model matches {query}. All of them: kerasarch models" if known else "No models are installed.")
    else:
        example = next(iter(chosen.values()))
        variant = repr(example.summary.variants[0]) if example.summary.variants else ""
        console.say(console.dim("In Python:"))
        module, _, attribute = example.value.partition(":")
        home = "kerasarch.models" if example.builtin else module
        console.say(console.dim(f"  from {home} import {attribute}"))
        console.say(console.dim(f"  model = {attribute}({variant})"))
    for name, entry in known.items():
        if entry.summary.problem:
            console.note(f"Note: {name} ({entry.origin}) cannot be read: {entry.summary.problem}.")
