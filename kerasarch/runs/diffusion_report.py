"""What a report shows of a diffusion model: how pictures emerge, and what guidance, sampler and steps change."""

import time
from typing import Any

import numpy as np

from kerasarch import metrics
from kerasarch.recipe import Run
from kerasarch.runs.drawing import Pictures
from kerasarch.runs.figures import draw_pictures
from kerasarch.runs.pictures import tile

SHOWN = 5
"""Pictures that are followed while they emerge."""
MOMENTS = 9
COMPARED = 128
"""Pictures that are drawn for each line of a comparison."""
GUIDANCES = (1.0, 2.0, 4.0)
STEPS: tuple[int, ...] = (10, 25)
EXPLAINED, SMOKE_EXPLAINED = 500, 32
"""Held-out pictures whose likelihood is estimated; in a quick trial."""


def show_denoising(run: Run, sampler: Any) -> None:
    """Put strips into the report: samples on their way from noise to picture, and what the network takes them for.

    Args:
        run: The run.
        sampler: A `kerasarch.generation.DiffusionSampler`.
    """
    plan = sampler.plan()
    moments = np.unique(np.linspace(0, len(plan) - 1, MOMENTS).round().astype(int))
    strips: dict[str, list[list[np.ndarray]]] = {"sample": [], "x0": []}

    def watch(index: int, x: np.ndarray, clean: np.ndarray) -> None:
        if index in moments:
            # A noisy sample has a wider range than a picture.
            spread = max(float(np.hypot(plan.alphas[index + 1], plan.sigmas[index + 1])), 1.0)
            strips["sample"].append(list(sampler.pictures(x / spread)[:SHOWN]))
            strips["x0"].append(list(sampler.pictures(clean)[:SHOWN]))

    sampler.draw(SHOWN, run.seed, watch=watch)
    for name, caption in (
        ("sample", "Samples on their way from noise (left) to picture (right)"),
        ("x0", "What the network takes the same samples for at each of these steps"),
    ):
        rows = [tile([moment[row] for moment in strips[name]], len(moments)) for row in range(SHOWN)]
        with run.figure(f"denoising {name}", caption=caption) as figure:
            draw_pictures(figure, rows, (), 1)


def held_out_bits(run: Run, sampler: Any, pictures: Pictures) -> float:
    """Estimate the bits per dimension of held-out pictures.

    Args:
        run: The run; its seed is that of times and noise.
        sampler: A sampler of the pictures themselves, under a noise schedule.
        pictures: What was learned from.
    """
    import keras

    from kerasarch.generation import bits_per_dimension

    known = pictures.known(held_out=True)
    count = min(SMOKE_EXPLAINED if run.smoke else EXPLAINED, len(known.images))
    chosen = np.linspace(0, len(known.images) - 1, count).astype(int)
    x = known.images[chosen].astype("float32") / 127.5 - 1
    if keras.config.image_data_format() == "channels_first":
        x = np.moveaxis(x, -1, 1)
    labels = None if sampler.class_names is None else known.labels[chosen].astype("int32")
    return bits_per_dimension(
        sampler.stepper(False), sampler.process, x, prediction=sampler.prediction, condition=labels,
        limit=sampler.limit, times=4 if run.smoke else 20, seed=run.seed,
    )  # fmt: skip


def show_choices(run: Run, sampler: Any, pictures: Pictures, judge: Any) -> None:
    """Put tables into the report: what guidance costs and gains, and what samplers and numbers of steps do.

    Args:
        run: The run.
        sampler: The trained sampler.
        pictures: What it learned from.
        judge: The classifier that scores; None where there is none.
    """
    from kerasarch.generation import METHODS

    reference = judge(pictures.known().images)[0] if judge else None
    count = 32 if run.smoke else COMPARED

    def drawn(**how: Any) -> tuple[np.ndarray, dict[str, Any]]:
        began = time.perf_counter()
        images = sampler.draw(count, run.seed, **how)
        seconds = (time.perf_counter() - began) / count
        row: dict[str, Any] = {}
        if reference is not None:
            features, chances = judge(images)
            row["Frechet distance"] = metrics.frechet_distance(reference, features)
            asked = sampler.labels_for(count, None)
            if asked is not None:
                row["class as asked"] = f"{(chances.argmax(axis=1) == asked).mean():.1%}"
        return images, {**row, "seconds a picture": seconds}

    if sampler.guidance != 1:
        show_guidance(run, sampler, drawn)
    methods = tuple(METHODS) if hasattr(sampler.process, "betas") else ("flow_euler",)
    steps = STEPS
    if run.smoke:
        methods, steps = methods[-2:], STEPS[:1]
    drawn(plan=sampler.plan(methods[0], 2), guidance=1.0)  # compiles, which no line of the table should count
    rows = [
        {"sampler": method, "steps": number, **drawn(plan=sampler.plan(method, number), guidance=1.0)[1]}
        for method in methods
        for number in steps
    ]
    run.table(
        "samplers",
        rows,
        caption=f"{count} pictures each, from the same noise, without guidance; steps are questions to the network. "
        "Frechet distances of so few pictures are larger than those of the whole score.",
    )


def show_guidance(run: Run, sampler: Any, drawn: Any) -> None:
    """Put the same noise under several weights of the class into the report."""
    rows, strips = [], []
    shown = min(len(sampler.class_names), 20)
    for weight in (1.0, sampler.guidance) if run.smoke else sorted({*GUIDANCES, sampler.guidance}):
        images, row = drawn(guidance=weight)
        rows.append({"guidance": weight, **row})
        strips.append(tile(list(images[:shown]), shown))
    with run.figure("guidance", caption="The same noise under more and more guidance") as figure:
        draw_pictures(figure, strips, (), 1, rows=[f"{row['guidance']:g}" for row in rows])
    run.table("guidance", rows, caption="More guidance: surer of the class, less varied.")
