"""The recipes of diffusion models: what they refuse before they train, and that they go on where they were stopped."""

import os
import signal

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.runs import diffusion, execute, phase
from kerasarch.runs.folder import list_runs

SMALL = {"image_size": 8, "held_out": 0.05, "sample_steps": 2, "compare": False}
UNET = {"width": 8, "attention": 4}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["ddpm", "--zero-terminal-snr", "--prediction", "epsilon"], "zero_terminal_snr needs a network"),
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


def keep_what_is_drawn_with(monkeypatch):
    """Keep the weights and a draw in the place of scores, which cost more than the training."""

    def finish(run, sampler, pictures, untrained, judge=None):
        weights = [keras.ops.convert_to_numpy(weight) for weight in sampler.network.weights]
        np.savez(run.dir / "final.npz", sampler.sample(2, seed=1), untrained, *weights)
        return {}

    monkeypatch.setattr(diffusion, "finish_generator", finish)
    monkeypatch.setattr("kerasarch.runs.drawing.Pictures.judge", lambda *_: None)


def stop_after(monkeypatch, steps):
    """Let the process be asked to stop after so many batches of all phases together."""
    ending = phase.PhaseCallbacks.on_train_batch_end

    def stop(self, batch, logs=None):
        if self.phase.run.step + 1 == steps:
            os.kill(os.getpid(), signal.SIGINT)
        ending(self, batch, logs)

    monkeypatch.setattr(phase.PhaseCallbacks, "on_train_batch_end", stop)


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
