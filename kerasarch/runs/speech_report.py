"""What a report says of a speech recogniser: confusions, what was heard wrong, spectrograms with their letters."""

from typing import Any

import numpy as np
from keras import ops

from kerasarch.data.recordings import Recordings
from kerasarch.data.wave_batches import filled_up
from kerasarch.recipe import Run
from kerasarch.runs.figures import INK

SHOWN, WRONG_SHOWN = 6, 40


def report_recognizer(run: Run, model: Any, test: Recordings, heard: Any, figures: dict[str, float]) -> None:
    """Write what was heard of the test recordings.

    Args:
        run: The run.
        model: A `kerasarch.models.SpeechRecognizer`.
        test: The recordings.
        heard: A `kerasarch.runs.speech.Heard` of them.
        figures: The scores.
    """
    classes = test.classes
    guesses = heard.probabilities.argmax(axis=1)
    matrix = np.zeros((len(classes), len(classes)), int)
    np.add.at(matrix, (test.labels, guesses), 1)
    run.table(
        "scores",
        [{"score": name.replace("_", " "), "value": round(value, 4)} for name, value in figures.items()],
        caption=f"{len(test)} test recordings",
    )
    run.confusion(matrix.tolist(), classes)
    wrong = np.flatnonzero(guesses != test.labels)
    odd = [place for place, text in enumerate(heard.texts) if text != classes[test.labels[place]]]
    listed = [*wrong, *(place for place in odd if guesses[place] == test.labels[place])]
    if listed:
        rows = [_row(test, heard, int(place), int(guesses[place])) for place in listed[:WRONG_SHOWN]]
        caption = f"Heard as another word: {len(wrong)} of {len(test)} recordings"
        caption += f"; heard rightly and spelled wrong: {len(listed) - len(wrong)}" if heard.texts else ""
        run.table("wrong", rows, caption=caption)
    run.say(f"accuracy {figures['accuracy']:.2%} on {len(test)} test recordings, {len(wrong)} wrong")
    chosen = [*wrong[: SHOWN // 2]]
    chosen += [int(place) for place in np.linspace(0, len(test) - 1, SHOWN).astype(int) if place not in chosen]
    with run.figure("spectrograms", caption=_caption(model.config.output)) as figure:
        _draw(figure, model, test, chosen[:SHOWN])


def _row(test: Recordings, heard: Any, place: int, guess: int) -> dict[str, Any]:
    row = {
        "recording": test.names[place],
        "word": test.classes[test.labels[place]],
        "heard": test.classes[guess],
        "probability": round(float(heard.probabilities[place, guess]), 4),
    }
    return row | ({"spelled": heard.texts[place]} if heard.texts else {})


def _caption(output: str) -> str:
    bands = "Energy in bands from low to high, some that were heard wrong first"
    return bands if output == "classes" else f"{bands}; what the best path says stands where it says it"


def _draw(figure: Any, model: Any, test: Recordings, places: list[int]) -> None:
    """Draw spectrograms, and on each what the network says over time."""
    columns = min(3, len(places))
    rows = -(-len(places) // columns)
    figure.set_size_inches(7.2, 1.9 * rows)
    figure.patch.set_alpha(0)
    inputs = filled_up([test.wave(place) for place in places])
    outputs = model.predict_on_batch(inputs)
    frames = model.spectrogram.frames(inputs["lengths"])
    there = np.arange(model.spectrogram.frames(inputs["waves"].shape[1])) < frames[:, None]
    bands = ops.convert_to_numpy(ops.cast(model.spectrogram(inputs["waves"], there=there), "float32"))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(places) :]:
        axes.set_visible(False)
    seconds = model.config.step / test.rate
    for number, axes in enumerate(grid.flat[: len(places)]):
        shown = bands[number, : frames[number]].T
        axes.imshow(
            shown, origin="lower", aspect="auto", cmap="magma", extent=(0, shown.shape[1] * seconds, 0, len(shown))
        )
        axes.set_title(test.names[places[number]], fontsize=7, color=INK)
        axes.set_xlabel("seconds", fontsize=7, color=INK)
        axes.set_yticks([])
        axes.tick_params(colors=INK, labelsize=6)
        if model.config.output != "classes":
            _write_path(axes, model, outputs, number, shown.shape[1])


def _write_path(axes: Any, model: Any, outputs: Any, number: int, count: int) -> None:
    """Write the labels of the best path at the places where they begin."""
    logits = ops.convert_to_numpy(outputs["logits"])[number]
    best = logits[: int(ops.convert_to_numpy(outputs["lengths"])[number])].argmax(axis=-1)
    before = np.concatenate([[0], best[:-1]])
    for frame in np.flatnonzero((best != 0) & (best != before)):
        text = model.config.text([int(best[frame])]).replace(" ", "␣")
        place = (frame + 0.5) * model.network.config.step / count
        side = "left" if place < 0.1 else "right" if place > 0.9 else "center"  # so that all of it is seen
        axes.text(place, 0.93, text, color="white", fontsize=8, ha=side, va="top", transform=axes.transAxes)
