"""A VQ-VAE that is stopped and resumed ends with the codebook of one that was not: counts and sums are state too."""

import os
import signal

import numpy as np
import pytest

from kerasarch.runs import execute
from kerasarch.runs.folder import list_runs
from tests import conformance

pytestmark = [conformance.QUIET, pytest.mark.slow]

RECIPE = '''"""A small VQ-VAE."""
from kerasarch.recipe import Run, recipe


@recipe(task="test", expect={"perplexity": ">=1"}, resumable=("epochs",))
def coded(run: Run, *, epochs: int = 3):
    """Trains once."""
    import keras
    import numpy as np

    from kerasarch import models
    from kerasarch.layers import VectorQuantizer
    from kerasarch.training import autoencoding

    x = np.random.default_rng(0).uniform(size=(80, 8, 8, 1)).astype("float32")
    parts = {"width": 8, "halvings": 1, "blocks": 1}
    quantizer = VectorQuantizer(16, reset_below=0.9, decay=0.9, seed=run.seed)
    model = autoencoding.VQVAE(
        models.vq_encoder((8, 8, 1), 4, **parts), quantizer, models.vq_decoder((8, 8, 1), 4, **parts)
    )
    model.compile(keras.optimizers.Adam(1e-2))
    history = run.fit("coded", model, (x, np.zeros(80)), epochs=epochs)
    np.savez(run.dir / "final.npz", *[keras.ops.convert_to_numpy(v) for v in model.variables])
    return {"perplexity": history["perplexity"][-1]}
'''


def test_stopped_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASARCH_CHECKPOINT_BATCHES", "1")
    file = tmp_path / "coded.py"
    file.write_text(RECIPE)
    whole = execute.run(file, out=tmp_path / "whole", quiet=True)
    assert whole.status == "finished"
    from kerasarch.runs.phase import PhaseCallbacks

    real = PhaseCallbacks.on_train_batch_end
    for batch in (2, 5):  # an epoch has 3 batches
        seen = [0]

        def counted(self, *arguments, seen=seen, batch=batch):
            seen[0] += 1
            if seen[0] == batch:
                os.kill(os.getpid(), signal.SIGINT)
            return real(self, *arguments)

        out = tmp_path / f"stopped{batch}"
        with monkeypatch.context() as patch:
            patch.setattr(PhaseCallbacks, "on_train_batch_end", counted)
            with pytest.raises(KeyboardInterrupt):
                execute.run(file, out=out, quiet=True)
        run = list_runs(out)[0]
        assert execute.resume(run.path, quiet=True).status == "finished"
        with np.load(whole.folder / "final.npz") as first, np.load(run.path / "final.npz") as second:
            assert len(first.files) > 20
            for name in first.files:
                np.testing.assert_array_equal(first[name], second[name])
