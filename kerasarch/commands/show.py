"""``kerasarch show NAME``: all that is known of one recipe. Its module is imported, Keras is not."""

from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.recipe_names import RecipeName
from kerasarch.commands.recipe_options import meaning, term
from kerasarch.recipe import Recipe
from kerasarch.registry import find, load_recipe


@click.command(short_help="Show one recipe: its options, data and expected figures")
@click.argument("name", metavar="NAME|FILE", type=RecipeName())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str, as_json: bool) -> None:
    """Show one recipe: its options, data and expected figures.

    NAME is a recipe of `kerasarch list`; FILE a Python file with a recipe in it.
    """
    recipe = load_recipe(name)
    origin = _origin(name)
    if as_json:
        console.say_json(as_record(name, recipe, origin))
        return
    console.say(console.heading(name) + console.dim(f"  {recipe.task}"))
    console.say(console.wrap(recipe.summary + "."))
    if recipe.description:
        console.say()
        console.say(console.wrap(recipe.description))
    facts = [("Data", recipe.data)] if recipe.data else []
    facts += [("Expected", ", ".join(f"{metric} {expected}" for metric, expected in recipe.expect.items()))] * bool(
        recipe.expect
    )
    facts += [("Resumable", ", ".join(recipe.options[option].flag for option in recipe.resumable))] * bool(
        recipe.resumable
    )
    facts.append(("Origin", origin))
    console.say()
    console.say(console.definitions([(f"{title}:", text) for title, text in facts], indent=0))
    if recipe.options:
        console.say()
        console.say(console.heading("Options"))
        console.say(
            console.definitions([(console.name(term(option)), meaning(option)) for option in recipe.options.values()])
        )
    console.say()
    console.say(
        f"Run it:  kerasarch run {name}"
        + "".join(f" {term(option)}" for option in recipe.options.values() if option.required)
    )


def as_record(name: str, recipe: Recipe, origin: str) -> dict[str, Any]:
    """Return all of it as JSON values."""
    return {
        "name": name,
        "task": recipe.task,
        "summary": recipe.summary,
        "description": recipe.description,
        "data": recipe.data,
        "expect": dict(recipe.expect),
        "resumable": list(recipe.resumable),
        "origin": origin,
        "options": [
            {
                "name": option.name,
                "flag": option.flag,
                "type": option.type.__name__,
                "required": option.required,
                "default": None if option.required else option.default,
                "choices": list(option.choices),
                "bounds": [f"{sign}{bound:g}" for sign, bound in option.bounds],
                "optional": option.optional,
                "many": option.many,
                "text": option.text,
            }
            for option in recipe.options.values()
        ],
    }


def _origin(name: str) -> str:
    if name.endswith(".py") or ".py:" in name:
        return f"file {name}"
    entry = find("recipes", name)
    return f"{entry.origin}, {entry.value.partition(':')[0]}"
