"""A recipe file as a user of the command line might have one, with an option of every kind."""

RECIPE = '''
from pathlib import Path
from typing import Annotated, Literal

from kerasarch.recipe import Ge, Le, Run, recipe


@recipe(task="small", data="none at all", expect={"score": ">=1"}, resumable=("epochs",))
def mine(
    run: Run,
    *,
    folder: Path,
    variant: Literal["small", "large"] = "small",
    rate: Annotated[float, Ge(0), Le(1)] | None = None,
    sizes: tuple[int, ...] = (1, 2),
    cache: bool = True,
    epochs: Annotated[int, Ge(1)] = 3,
):
    """Train something small.

    Args:
        folder: Where it is.
        rate: How fast.
    """
    return {"score": 1.0}
'''
