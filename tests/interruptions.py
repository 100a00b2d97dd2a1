"""Stopping a run after a number of batches, as Ctrl-C does."""

import os
import signal

from kerasarch.runs import phase


def stop_after(monkeypatch, steps):
    """Let the process be asked to stop after so many batches of all phases together."""
    ending = phase.PhaseCallbacks.on_train_batch_end

    def stop(self, batch, logs=None):
        if self.phase.run.step + 1 == steps:
            os.kill(os.getpid(), signal.SIGINT)
        ending(self, batch, logs)

    monkeypatch.setattr(phase.PhaseCallbacks, "on_train_batch_end", stop)
