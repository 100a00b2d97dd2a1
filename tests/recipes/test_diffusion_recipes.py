"""The recipes of diffusion models: what they refuse before they train, and that they go on where they were stopped."""

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.errors import UsageError
from kerasarch.runs import diffusion, execute
from kerasarch.runs.folder import list_runs
from tests.interruptions import stop_after

SMALL = {"image_size": 8, "held_out": 0.05, "sample_steps": 2, "compare": False}
UNET = {"width": 8, "attention": 4}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["ddpm", "--zero-terminal-snr", "--prediction", "epsilon"], "zero_terminal_snr needs a network"),
        (["dit", "--zero-terminal-snr", "--prediction", "epsilon"], "zero_terminal_snr needs a network"),
        (["latent-diffusion", "--zero-terminal-snr", "--prediction", "epsilon"], "zero_terminal_snr needs a network"),
        (
            ["latent-diffusion", "--captions", "--text-width", "12"],
            "--text-width: received 12, expected a multiple of 8",
        ),
        (["latent-diffusion", "--width", "12"], "--width: received 12, expected a multiple of 8"),
        (["ddpm", "--drop", "0"], "Give --guidance 1, or --drop above 0"),
        (["rectified-flow", "--drop", "0", "--guidance", "3"], "received 0 with --guidance 3"),
        (["dit", "--drop", "0"], "Give --guidance 1, or --drop above 0"),
        (["latent-diffusion", "--captions", "--no-conditional"], "exclude each other"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_data_are_looked_for(arguments, match, tmp_path):
    arguments = ["run", *arguments, "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path)]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 2, result.output
    assert match in result.output
    assert "nowhere" not in result.output


@pytest.mark.parametrize("recipe", ["dit", "latent-diffusion"])
def test_the_schedule_that_ends_in_noise_reaches_the_process(recipe, tmp_path, monkeypatch):
    given = []

    def train(run, network, pictures, options, *, process, **how):
        given.append(process)
        return {}

    monkeypatch.setattr(diffusion, "train_diffusion", train)
    monkeypatch.setattr("kerasarch.runs.latents.train_latent_autoencoder", lambda *given, **how: {})
    monkeypatch.setattr("kerasarch.runs.latents.latents_of", lambda *given: None)
    small = {"dit": {"depth": 1, "heads": 2, "head_width": 4}, "latent-diffusion": {**UNET, "autoencoder_width": 8}}
    for zero in (True, False):
        execute.run(recipe, out=tmp_path, quiet=True, smoke=True, zero_terminal_snr=zero, **SMALL, **small[recipe])
    ends = [process.signal[-1] for process in given]
    assert ends[0] == 0
    assert 0 < ends[1] < 1e-3


@pytest.mark.parametrize("drop", [0.0, 0.1])
def test_captions_that_were_never_hidden_cannot_guide(drop, tmp_path, monkeypatch):
    """What a run without --drop saves draws without guidance alone; the file says so."""
    pytest.importorskip("tokenizers")
    saved = []
    monkeypatch.setattr(diffusion, "finish_generator", lambda run, sampler, *rest, **how: saved.append(sampler) or {})
    monkeypatch.setattr("kerasarch.runs.drawing.Pictures.judge", lambda *_: None)
    monkeypatch.setattr("kerasarch.runs.latents.train_latent_autoencoder", lambda *given, **how: {})
    monkeypatch.setattr("kerasarch.runs.phase.Phase.fit", lambda self: {})
    monkeypatch.setattr("kerasarch.runs.diffusion_report.show_denoising", lambda *given: None)
    monkeypatch.setattr("kerasarch.training.Diffusion.evaluate", lambda *given, **how: {"loss": 0.0})
    monkeypatch.setattr("kerasarch.generation.CaptionSampler.sample", lambda *given: None)
    options = {**SMALL, **UNET, "autoencoder_width": 8, "text_width": 8, "text_depth": 1}
    execute.run(
        "latent-diffusion", out=tmp_path, quiet=True, smoke=True, captions=True, drop=drop, guidance=1.0, **options
    )
    saved[0].save(tmp_path / "model.keras")
    for sampler in (saved[0], keras.saving.load_model(tmp_path / "model.keras")):
        assert (sampler.null is None) == (drop == 0)
        if drop == 0:
            with pytest.raises(UsageError, match="Train with classes of which a share is hidden"):
                sampler.draw(1, 0, captions=["a handwritten two"], guidance=2.0)


def keep_what_is_drawn_with(monkeypatch):
    """Keep the weights and a draw in the place of scores, which cost more than the training."""

    def finish(run, sampler, pictures, untrained, judge=None):
        weights = [keras.ops.convert_to_numpy(weight) for weight in sampler.network.weights]
        np.savez(run.dir / "final.npz", sampler.sample(2, seed=1), untrained, *weights)
        return {}

    monkeypatch.setattr(diffusion, "finish_generator", finish)
    monkeypatch.setattr("kerasarch.runs.drawing.Pictures.judge", lambda *_: None)


def check_going_on(recipe, stops, tmp_path, monkeypatch, **options):
    """A quick trial has two epochs of four batches in each phase."""
    keep_what_is_drawn_with(monkeypatch)
    options = {**SMALL, **options, "smoke": True, "quiet": True}
    whole = execute.run(recipe, out=tmp_path / "whole", **options)
    for steps in stops:
        out = tmp_path / str(steps)
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            with pytest.raises(KeyboardInterrupt):
                execute.run(recipe, out=out, **options)
        run = list_runs(out)[0]
        again = execute.resume(run.path, quiet=True)
        assert again.result == whole.result
        with np.load(whole.folder / "final.npz") as one, np.load(run.path / "final.npz") as other:
            assert len(one.files) > 20
            for name in one.files:
                np.testing.assert_array_equal(one[name], other[name], err_msg=f"after {steps} batches")


@pytest.mark.quick_on("torch")
def test_ddpm_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    check_going_on("ddpm", [4], tmp_path, monkeypatch, **UNET)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "options"),
    [("ddpm", UNET), ("rectified-flow", UNET), ("dit", {"depth": 1, "heads": 2, "head_width": 4})],
)
def test_others_go_on_within_an_epoch(recipe, options, tmp_path, monkeypatch):
    check_going_on(recipe, [6], tmp_path, monkeypatch, **options)


@pytest.mark.slow
@pytest.mark.parametrize("captions", [False, True])
def test_latent_diffusion_goes_on_in_each_of_its_phases(captions, tmp_path, monkeypatch):
    options = {**UNET, "autoencoder_width": 8, "captions": captions, "text_width": 8, "text_depth": 1}
    check_going_on("latent-diffusion", [4, 6, 12, 14], tmp_path, monkeypatch, **options)
