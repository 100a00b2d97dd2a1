"""Draw pictures of a text with Stable Diffusion, and fine-tune it on captioned pictures.

Papers: Rombach et al., 2021 (https://arxiv.org/abs/2112.10752); Podell et al., 2023 (https://arxiv.org/abs/2307.01952);
adapters, Hu et al., 2021 (https://arxiv.org/abs/2106.09685).
"""

from typing import Annotated

from annotated_types import Gt

from kerasarch.recipe import Ge, Interval, Run, recipe
from kerasarch.training import TextToImageOptions


@recipe(task="text-to-image", data="none; --weights names a Stable Diffusion folder")
def text_to_image(
    run: Run,
    *,
    height: Annotated[int, Ge(8)] | None = None,
    width: Annotated[int, Ge(8)] | None = None,
    data: str | None = None,
    rank: Annotated[int, Ge(1)] = 4,
    epochs: Annotated[int, Ge(1)] = 50,
    train_batch: Annotated[int, Ge(1)] = 1,
    learning_rate: Annotated[float, Gt(0)] = 1e-4,
    drop: Annotated[float, Interval(ge=0, lt=1)] = 0.1,
    drawing: TextToImageOptions = TextToImageOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Draw pictures of a text with Stable Diffusion, fine-tuned if asked.

    Reads a folder in diffusers' layout (Stable Diffusion 1, 2 or XL), or fetches one. The pictures lie in the run's
    folder, in pictures/, and the report shows how they emerged.

    With --data, the network first learns from captioned pictures: a folder with metadata.jsonl, captions.txt, or a.txt
    beside a.png. Only low-rank adapters of the U-Net's attentions are trained; they are written to adapters/ as
    diffusers reads them, and --adapters uses them again; with both, training goes on from them. The same prompt is
    drawn before and after.

    There is no safety checker.

    Args:
        height: Of the pictures, in pixels; none is what the network was trained with.
        width: The same.
        data: Folder of captioned pictures to learn from first.
        rank: Of the adapters: how much they can learn; those of --adapters keep theirs.
        epochs: Epochs of fine-tuning.
        train_batch: Pictures a batch in fine-tuning.
        learning_rate: AdamW's in fine-tuning.
        drop: Share of the captions that are hidden in fine-tuning, which guidance lives on.
    """
    from kerasarch.runs.adapters import AdapterOptions, load_examples, train_adapters
    from kerasarch.runs.text_to_image import draw, load_parts, show_before_and_after, timed_draw

    model = load_parts(run, drawing)
    size = (height or model.size[0], width or model.size[1])
    if data is None:
        return timed_draw(run, model, drawing, size=size)
    pictures = load_examples(run, model, data, size)
    before = draw(run, model, drawing, size=size)
    figures = train_adapters(run, model, pictures, AdapterOptions(rank, epochs, train_batch, learning_rate, drop))
    figures |= timed_draw(run, model, drawing, size=size)
    show_before_and_after(run, before)
    return figures
