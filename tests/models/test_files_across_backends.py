"""Files of every generator, discriminator, encoder and decoder are read by the other backends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasarch import models
from kerasarch.training import autoencoding
from tests import conformance
from tests.models.test_generative_networks import NETWORKS

pytestmark = conformance.QUIET

DIFFUSERS = {"widths": (4, 8), "groups": 2, "channels": 2, "output_channels": 1, "input_shape": (6, 4, 2)}
GRID = {"width": 8, "halvings": 1, "blocks": 1}
# Name to builder and what goes in, as there
FILES = NETWORKS | {
    "vae_encoder_dense": (lambda: models.vae_encoder((8, 8, 1), 3, width=8), [(8, 8, 1)]),
    "vae_decoder_dense": (lambda: models.vae_decoder((8, 8, 1), 3, width=8), [(3,)]),
    "vae_encoder_convolutional": (
        lambda: models.vae_encoder((8, 9, 1), 3, kind="convolutional", width=4), [(8, 9, 1)],
    ),
    "vae_decoder_convolutional": (lambda: models.vae_decoder((8, 9, 1), 3, kind="convolutional", width=4), [(3,)]),
    "vq_encoder": (lambda: models.vq_encoder((8, 8, 1), 4, **GRID), [(8, 8, 1)]),
    "vq_decoder": (lambda: models.vq_decoder((8, 8, 1), 4, **GRID), [(4, 4, 4)]),
    "latent_critic": (lambda: autoencoding.latent_critic(3, width=8, depth=2), [(3,)]),
    "autoencoder_kl": (lambda: models.autoencoder_kl(**DIFFUSERS), [(6, 4, 2)]),
    "vq_model": (lambda: models.vq_model(codes=6, **DIFFUSERS), [(6, 4, 2)]),
}  # fmt: skip

CHILD = """
import json, sys
import keras, numpy as np
from kerasarch import models
folder = sys.argv[1]
for name in json.loads(sys.argv[2]):
    given = np.load(f"{folder}/{name}.npz")
    arrays = [keras.ops.convert_to_tensor(given[f"x{i}"]) for i in range(len(given.files) - 1)]
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    y = keras.ops.convert_to_numpy(model(arrays if len(arrays) > 1 else arrays[0]))
    assert np.abs(y - given["y"]).max() <= 1e-4 * max(1, np.abs(given["y"]).max()), name
print("agreed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("other", ["jax", "tensorflow", "torch"])
def test_files_are_read_by_the_other_backends(other, backend, tmp_path):
    if other == backend:
        pytest.skip("tested on one backend elsewhere")
    for name in FILES:
        make, shapes = FILES[name]
        model, given = make(), conformance.Row(name, None, shapes).inputs(2)
        conformance.randomise(model)
        y = conformance.outputs(model, given if len(given) > 1 else given[0])
        np.savez(tmp_path / f"{name}.npz", y=y, **{f"x{index}": part for index, part in enumerate(given)})
        model.save(tmp_path / f"{name}.keras")
    command = [sys.executable, "-c", CHILD, str(tmp_path), json.dumps(list(FILES))]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": other}, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("agreed"), done.stderr[-2000:]
