"""Fill a hole in a picture as a text says, with Stable Diffusion.

Papers: Rombach et al., 2021, section 4.5 (https://arxiv.org/abs/2112.10752); with networks that are not made for it
Lugmayr et al., 2022, eq. 8 (https://arxiv.org/abs/2201.09865).
"""

from typing import Annotated

from annotated_types import Gt

from kerasarch.recipe import Le, Run, recipe
from kerasarch.training import TextToImageOptions


@recipe(task="text-to-image", data="none; --weights names a Stable Diffusion folder")
def inpaint(
    run: Run,
    *,
    picture: str | None = None,
    mask: str | None = None,
    strength: Annotated[float, Gt(0), Le(1)] = 1.0,
    drawing: TextToImageOptions = TextToImageOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Fill a hole in a picture as a text says, with Stable Diffusion.

    The mask is a picture of the same shape, white where something new is to be drawn. Networks that were made for it
    (inpainting folders) see what is around the hole; with any other, what is around the hole is put back after each
    step. What is outside the hole comes out of this unchanged. New pictures lie in the run's folder, in pictures/.

    Args:
        picture: The file with the hole; it is cut to multiples of 8 pixels.
        mask: The file that is white where the hole is.
        strength: Share of the steps that is taken; below 1 what was in the hole has a part in what is drawn.
    """
    import time

    import numpy as np

    from kerasarch.runs.text_to_image import draw, keep, load_mask, load_parts, load_picture, show_beginning

    model = load_parts(run, drawing)
    image = load_picture(picture, "picture", model, run)
    hole = load_mask(mask, run, image.shape[:2], model)
    show_beginning(run, [image, np.repeat(hole, 3, axis=-1)])
    began = time.perf_counter()
    drawn = draw(run, model, drawing, pictures=image[None], mask=hole, strength=strength)
    filled = np.where(hole > 127, drawn, image)
    return keep(run, filled, drawing.prompt, time.perf_counter() - began)
