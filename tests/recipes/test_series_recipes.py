"""Recipes of series over time: forecasts, spoken words. They learn, report, go on where stopped, and are used after."""

import csv
import json

import numpy as np
import pytest
import scipy.io.wavfile
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.errors import KerasarchError, UsageError
from kerasarch.runs import execute
from kerasarch.runs.folder import MODEL, list_runs
from kerasarch.training import ForecastOptions, SpeechOptions
from tests.interruptions import stop_after

SHORT = {"look_back": 12, "horizon": 6, "batch": 32, "warmup": 5}
WORDS = {"hi": 220.0, "lo": 110.0, "oh": 330.0}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two series that bounce between walls: what comes next is no linear function of what was."""
    times = np.arange(400)
    bounce = np.abs((times + 7) % 16 - 8.0)
    other = np.abs((times + 3) % 12 - 6.0) * 10 + 100
    path = tmp_path_factory.mktemp("series") / "walls.csv"
    lines = [f"2021-01-{1 + hour // 24:02d} {hour % 24:02d}:00,{bounce[hour]},{other[hour]}" for hour in range(400)]
    path.write_text("\n".join(["date,ball,box", *lines]))
    return path


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Words that are tones: two tones for each, a letter each, so that letters can be told apart."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("sounds")
    pitch = {"h": 80.0, "i": 160.0, "l": 240.0, "o": 320.0}
    for word in WORDS:
        for number in range(20):
            times = np.arange(int(rng.integers(60, 90))) / 800
            parts = [np.sin(2 * np.pi * pitch[letter] * times + rng.uniform(0, 6)) for letter in word]
            wave = np.concatenate(parts) + 0.05 * rng.normal(size=2 * len(times))
            (root / word).mkdir(exist_ok=True)
            scipy.io.wavfile.write(root / word / f"{number}.wav", 800, (8000 * wave).astype("int16"))
    (root / "hi" / "cut.wav").write_bytes((root / "hi" / "0.wav").read_bytes()[:99])
    return root


@pytest.mark.parametrize(
    "model", ["gru", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rnn", "lstm", "transformer", "linear"))]
)
def test_quick_forecasts(model, table, tmp_path):
    sizes = {} if model == "linear" else {"segment": 4, "width": 8}
    done = execute.run("forecast", out=tmp_path, quiet=True, smoke=True, model=model, data=str(table), **sizes, **SHORT)
    assert np.isfinite(list(done.result.values())).all()
    assert (done.folder / MODEL).is_file()


@pytest.mark.quick_on("torch")
def test_a_network_forecasts_what_is_not_linear(table, tmp_path):
    done = execute.run(
        "forecast", out=tmp_path, quiet=True, data=str(table), segment=4, width=24, dropout=0.0, epochs=24,
        patience=None, learning_rate=1e-2, loss="mse", **SHORT,
    )  # fmt: skip
    result = done.result
    assert result["mse"] < 0.5 * result["last_value_mse"]
    assert result["linear_mse"] < result["last_value_mse"]
    scale = json.loads((done.folder / "series.json").read_text())
    assert scale["columns"] == ["ball", "box"]
    with (done.folder / "forecast.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["date"] for row in rows[:2]] == ["2021-01-17 16:00:00", "2021-01-17 17:00:00"]
    expected = np.abs((np.arange(400, 406) + 3) % 12 - 6.0) * 10 + 100
    assert np.abs([float(row["box"]) for row in rows] - expected).mean() < 12
    report = (done.folder / "report.html").read_text()
    for words in ("linear, least squares", "the last value again", "Mean squared error by steps ahead"):
        assert words in report


@pytest.mark.quick_on("torch")
def test_an_interrupted_forecast_ends_as_the_whole_one(table, tmp_path, monkeypatch):
    options = {"data": str(table), "segment": 4, "width": 8, "epochs": 3, "model": "gru", **SHORT}
    whole = execute.run("forecast", out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        with pytest.raises(KeyboardInterrupt):
            execute.run("forecast", out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    assert execute.resume(stopped.path, quiet=True).result == whole.result


LISTENING = {"rate": 800, "bands": 8, "units": 12, "depth": 1, "batch": 12, "warmup": 5, "validation": 0.2}


@pytest.mark.quick_on("torch")
def test_words_are_heard_and_files_after_it(sounds, tmp_path):
    done = execute.run(
        "spoken-digits", out=tmp_path, quiet=True, data=str(sounds), epochs=14, learning_rate=2e-2, dropout=0.0,
        augment=False, digits_per_example=2, **LISTENING,
    )  # fmt: skip
    assert done.result["accuracy"] >= 0.9
    assert done.result["letter_error_rate"] < 0.3
    assert {"word_error_rate", "beam_word_error_rate"} <= set(done.result)
    report = (done.folder / "report.html").read_text()
    assert "what the best path says stands where it says it" in report
    files = [str(sounds / "lo" / "3.wav"), str(sounds / "hi")]
    heard = CliRunner().invoke(program, ["predict", str(done.folder), *files, "--json"])
    assert heard.exit_code == 0, heard.output
    assert "cut.wav" in heard.stderr
    rows = json.loads(heard.stdout)
    assert len(rows) == 21
    assert np.mean([row["class"] == ("lo" if number == 0 else "hi") for number, row in enumerate(rows)]) > 0.9
    assert set(rows[0]["probabilities"]) == set(WORDS)
    listed = CliRunner().invoke(program, ["predict", str(done.folder), files[0], "--csv"])
    assert listed.stdout.startswith("file,class,probability,spelled,hi,lo,oh\n")
    shown = CliRunner().invoke(program, ["predict", str(done.folder), files[0], "--top", "2"])
    assert len(shown.stdout.splitlines()) == 3
    refused = CliRunner().invoke(program, ["predict", str(done.folder), files[0], "--tta"])
    assert "--tta averages over views of a picture" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("output", ["words", "classes"])
def test_quick_trials_of_other_outputs(output, sounds, tmp_path):
    done = execute.run(
        "spoken-digits", out=tmp_path, quiet=True, smoke=True, data=str(sounds), output=output, **LISTENING
    )
    assert np.isfinite(list(done.result.values())).all()


@pytest.mark.slow
def test_an_interrupted_lesson_ends_as_the_whole_one(sounds, tmp_path, monkeypatch):
    options = {"data": str(sounds), "epochs": 2, "digits_per_example": 2, **LISTENING}
    whole = execute.run("spoken-digits", out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            execute.run("spoken-digits", out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    assert execute.resume(stopped.path, quiet=True).result == whole.result


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("forecast", {"model": "linear", "width": 8}, "--model linear has none"),
        ("forecast", {"look_back": 500}, "needs 506"),
        ("forecast", {"columns": ("bal",)}, "Did you mean 'ball'"),
        ("spoken-digits", {"data": "dial-tone"}, "Did you mean 'dial-tones'"),
        ("spoken-digits", {"strict": True}, r"cut\.wav: is cut off"),
    ],
)
def test_what_is_refused_before_training(recipe, options, message, table, sounds, tmp_path):
    own = {"data": str(table if recipe == "forecast" else sounds), **(SHORT if recipe == "forecast" else {})}
    with pytest.raises(KerasarchError, match=message):
        execute.run(recipe, out=tmp_path, quiet=True, **{**own, **options})


def test_options_that_do_not_go_together():
    with pytest.raises(UsageError, match="--rows: received 2 numbers"):
        ForecastOptions(rows=(1, 2))
    with pytest.raises(UsageError, match="less than 1 together"):
        ForecastOptions(validation=0.5, test=0.5)
    with pytest.raises(UsageError, match="expected 1 with --output classes"):
        SpeechOptions(output="classes", digits_per_example=2)
