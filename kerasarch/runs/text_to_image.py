"""What the recipes share that draw with Stable Diffusion: the parts, pictures to begin from, drawing, the report."""

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.recipe import Run
from kerasarch.runs.figures import draw_pictures
from kerasarch.runs.pictures import tile, write_picture
from kerasarch.training.text_to_image_options import TextToImageOptions

SMOKE_STEPS = 3
MOMENTS = 8
"""Moments of a strip that shows how pictures emerge."""
SHOWN = 4
"""Pictures that are followed while they emerge."""


def load_parts(run: Run, options: TextToImageOptions) -> Any:
    """Return the parts of Stable Diffusion that the options name, with adapters where they name some.

    Args:
        run: The run.
        options: The options.

    Raises:
        UsageError: No weights are named; only a quick trial goes without, with a tiny random network.
    """
    import kerasarch
    from kerasarch.runs.tiny_stable_diffusion import tiny_stable_diffusion

    if options.weights is None:
        if not run.smoke:
            raise UsageError(
                "weights: received none. Give the folder of a Stable Diffusion pipeline in diffusers' layout (with a "
                "model_index.json), or hf:org/name to fetch one, such as --weights hf:stabilityai/sd-turbo."
            )
        run.say("quick trial without --weights: a tiny network with random weights draws, whose pictures mean nothing")
        model = tiny_stable_diffusion()
    else:
        model = kerasarch.from_pretrained(options.weights, dtype=options.precision)
    if options.adapters is not None:
        places = kerasarch.weights.read_adapters(model.unet, options.adapters)
        run.say(f"adapters of {places} weights read from {options.adapters}")
    return model


def load_picture(path: str | None, option: str, model: Any, run: Run, size: tuple[int, int] | None = None) -> Any:
    """Return a picture to begin from, ``(H, W, 3)`` uint8, cut to a size that the network can draw.

    Its pixels stay as they are, unless it has to become larger or smaller for a given size.

    Args:
        path: The file; None makes one up in a quick trial.
        option: What names it, for messages.
        model: The parts of Stable Diffusion.
        run: The run.
        size: Height and width, multiples of the network's factor; None for those of the file, cut to such multiples.

    Raises:
        UsageError: No file is named.
        DataError: It cannot be read.
    """
    from kerasarch.data.captions import cut, fitted
    from kerasarch.data.decode import decode

    if path is None:
        if not run.smoke:
            raise UsageError(f"{option}: received none. Give a picture, --{option.replace('_', '-')} FILE.")
        height, width = size or model.size
        ramp = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))
        return np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1).astype("uint8")
    if not Path(path).expanduser().is_file():
        raise UsageError(f"{option}: there is no file {path}.")
    image = decode(Path(path).expanduser())
    height, width = image.shape[:2]
    whole = (height - height % model.factor, width - width % model.factor)
    if size is not None and tuple(size) != whole:
        return fitted(image, size)
    if 0 in whole:
        raise UsageError(f"{option}: {height} x {width} pixels are too few, at least {model.factor} on each side.")
    return cut(image, whole)


def draw(run: Run, model: Any, options: TextToImageOptions, **given: Any) -> np.ndarray:
    """Draw pictures, say how far that is, and show how the first of them emerged.

    Args:
        run: The run; its seed is that of all noise.
        model: The parts of Stable Diffusion.
        options: The options.
        **given: Further arguments of ``kerasarch.generation.TextToImage.latents``, such as ``size`` or ``pictures``.

    Returns:
        Pictures, ``(count, H, W, C)`` uint8.
    """
    from kerasarch.generation import TextToImage, read_scheduler
    from kerasarch.generation.text_to_image import as_bytes
    from kerasarch.runs.progress import Progress

    run.ready()
    steps = min(options.steps, SMOKE_STEPS) if run.smoke else options.steps
    plan = read_scheduler(model.scheduler, sampler=options.sampler).plan(steps, share=given.get("strength") or 1.0)
    moments = np.unique(np.linspace(0, len(plan) - 1, MOMENTS).round().astype(int))
    strips: list[np.ndarray] = []
    begins = range(0, options.count, options.batch)
    progress = Progress("drawing", len(begins) * len(plan), None, run.say, note=lambda line: None)
    done = itertools.count()

    def watch(index: int, x: np.ndarray, clean: np.ndarray) -> None:
        progress.end_epoch(next(done), {})

    def watch_closely(index: int, x: np.ndarray, clean: np.ndarray) -> None:
        watch(index, x, clean)
        if index in moments:
            strips.append(clean[:SHOWN])
        if options.previews and (index + 1) % options.previews == 0:
            seen = as_bytes(model.decode_latents(clean[:SHOWN]))
            write_picture(run.dir / "previews" / f"{index + 1:04}.png", tile(list(seen)))
            run.say(f"{index + 1} of {len(plan)} steps, preview in previews/")

    drawer = TextToImage(model)
    images: list[np.ndarray] = []
    for start in begins:
        latents = drawer.latents(
            [options.prompt] * min(options.batch, options.count - start), negative=options.negative, steps=steps,
            guidance=options.guidance, rescale=options.rescale, seed=run.seed, first=start, sampler=options.sampler,
            watch=watch if start else watch_closely, **given,
        )  # fmt: skip
        images.extend(as_bytes(model.decode_latents(latents)))
    rows = [as_bytes(model.decode_latents(clean)) for clean in strips]
    strip = [tile([row[number] for row in rows], len(rows)) for number in range(len(rows[0]))]
    with run.figure("emerging", caption="What the network took the pictures for, from first step to last") as figure:
        draw_pictures(figure, strip, (), 1)
    return np.stack(images)


def keep(run: Run, images: np.ndarray, caption: str, seconds: float) -> dict[str, float]:
    """Write pictures to ``pictures/`` and show them.

    Args:
        run: The run.
        images: ``(count, H, W, C)`` uint8.
        caption: What was asked for.
        seconds: What drawing took.

    Returns:
        ``pictures``, how many, and ``seconds_a_picture``.
    """
    for number, image in enumerate(images):
        write_picture(run.dir / "pictures" / f"{number:03}.png", image)
    with run.figure("pictures", caption=caption) as figure:
        draw_pictures(figure, list(images), (), min(len(images), 4))
    run.say(f"{len(images)} pictures in {run.dir / 'pictures'}, {seconds / len(images):.1f} s each")
    return {"pictures": len(images), "seconds_a_picture": seconds / len(images)}


def timed_draw(run: Run, model: Any, options: TextToImageOptions, **given: Any) -> dict[str, float]:
    """Draw pictures, write and show them; see `draw` and `keep`."""
    began = time.perf_counter()
    images = draw(run, model, options, **given)
    return keep(run, images, options.prompt, time.perf_counter() - began)


def load_mask(path: str | None, run: Run, size: tuple[int, int], model: Any) -> np.ndarray:
    """Return a mask of a picture, ``(H, W, 1)`` uint8, 255 where to draw.

    Args:
        path: The file; None makes one up in a quick trial.
        run: The run.
        size: Height and width of the picture, after it was cut; the mask is cut as the picture was.
        model: The parts of Stable Diffusion.

    Raises:
        UsageError: No file is named, or nothing in it is white.
    """
    if path is None and run.smoke:
        hole = np.zeros((*size, 1), "uint8")
        hole[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = 255
        return hole
    grey = load_picture(path, "mask", model, run, size).mean(axis=-1, keepdims=True)
    hole = np.where(grey >= 128, 255, 0).astype("uint8")
    if not hole.any():
        raise UsageError(f"mask: nothing in {path} is white, so there is nothing to draw.")
    return hole


def show_beginning(run: Run, pictures: list[np.ndarray]) -> None:
    """Put what drawing begins from into the report."""
    with run.figure("given", caption="What was given") as figure:
        draw_pictures(figure, pictures, ("picture", "mask")[: len(pictures)], len(pictures), width=2.4 * len(pictures))


def show_before_and_after(run: Run, before: np.ndarray) -> None:
    """Put the pictures from before fine-tuning into the report, which has those from after it already."""
    for number, image in enumerate(before):
        write_picture(run.dir / "pictures_before" / f"{number:03}.png", image)
    with run.figure("before fine-tuning", caption="The same prompt and noise before fine-tuning") as figure:
        draw_pictures(figure, list(before), (), min(len(before), 4))
