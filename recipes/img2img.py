"""Redraw a picture as a text says, with Stable Diffusion.

Papers: Meng et al., 2021 (https://arxiv.org/abs/2108.01073); Rombach et al., 2021 (https://arxiv.org/abs/2112.10752).
"""

from typing import Annotated

from annotated_types import Gt

from kerasarch.recipe import Le, Run, recipe
from kerasarch.training import TextToImageOptions


@recipe(task="text-to-image", data="none; --weights names a Stable Diffusion folder")
def img2img(
    run: Run,
    *,
    picture: str | None = None,
    strength: Annotated[float, Gt(0), Le(1)] = 0.8,
    drawing: TextToImageOptions = TextToImageOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Redraw a picture as a text says, with Stable Diffusion.

    The picture is mixed with noise, and the network takes the noise away while it reads the prompt: the more noise, the
    less stays of the picture. New pictures lie in the run's folder, in pictures/.

    Args:
        picture: The file to begin from; it is cut to multiples of 8 pixels.
        strength: Share of the steps that is taken, which is how much may change.
    """
    from kerasarch.runs.text_to_image import load_parts, load_picture, show_beginning, timed_draw

    model = load_parts(run, drawing)
    image = load_picture(picture, "picture", model, run)
    show_beginning(run, [image])
    return timed_draw(run, model, drawing, pictures=image[None], strength=strength)
