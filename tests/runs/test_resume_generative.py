"""Generative runs that are killed and resumed end bitwise like those that were not."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from kerasarch.runs.folder import list_runs

ADAM = """
    rates = {name: keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9) for name in ("generator", "discriminator")}
    learner.compile(rates)
"""
NETWORKS = {
    "wgan-gp": """
    generator = models.dcgan_generator(8, 1, 4, 4)
    critic = models.dcgan_discriminator(8, 1, 4, norm="layer")
    learner = adversarial.WGANGP(generator, critic, latent=4, discriminator_steps=2, seed=run.seed)
"""
    + ADAM,
    "stylegan2": """
    generator = models.stylegan2_generator(8, 1, 4, style=4, mapping_depth=2, width_base=32, width_most=4)
    critic = models.stylegan2_discriminator(8, 1, width_base=32, width_most=4)
    average = training.WeightAverage(generator, half_life=50, rampup=0.05)
    augmentation = adversarial.AdaptiveAugmentation(["blit", "color"], images=100, probability=0.3)
    learner = adversarial.StyleGAN2(
        generator, critic, latent=4, r1_interval=3, path_interval=2, average=average, augmentation=augmentation,
        seed=run.seed,
    )
"""
    + ADAM,
    "vq-vae": """
    parts = {"width": 8, "halvings": 1, "blocks": 1}
    quantizer = layers.VectorQuantizer(16, reset_below=0.9, decay=0.9, seed=run.seed)
    encoder, decoder = models.vq_encoder((8, 8, 1), 4, **parts), models.vq_decoder((8, 8, 1), 4, **parts)
    learner = autoencoding.VQVAE(encoder, quantizer, decoder)
    learner.compile(keras.optimizers.Adam(1e-2))
""",
    "diffusion": """
    network = models.unet_2d(models.UNet2DConfig(
        1, 1, widths=(8, 8), depth=1, down=("plain", "attention"), up=("attention", "plain"), groups=2, classes=2,
        dropout=0.1,
    ))
    network([np.zeros((1, 8, 8, 1), "float32"), np.zeros(1), np.zeros(1, "int32")])
    learner = training.Diffusion(
        network, generation.NoiseSchedule("cosine"), prediction="v", gamma=5.0, null=1, drop=0.2,
        average=training.WeightAverage(network, half_life=50, rampup=0.05), seed=run.seed,
    )
    learner.compile(keras.optimizers.Adam(1e-2))
""",
}
RECIPE = '''
"""A recipe for the tests of resuming."""
from kerasarch.recipe import Run, recipe


@recipe(task="image-generation", data="random", resumable=("epochs",))
def generative_test(run: Run, *, epochs: int = 3, pause: float = 0.0):
    """Train on random pictures."""
    import time

    import keras
    import numpy as np

    from kerasarch import generation, layers, models, training
    from kerasarch.training import adversarial, autoencoding
{networks}    images = np.random.default_rng(0).uniform(-1, 1, (96, 8, 8, 1)).astype("float32")

    class Pause(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            time.sleep(pause)

    run.fit("train", learner, (images, np.zeros(96, "int32")), epochs=epochs, callbacks=[Pause()])
    variables = [v for v in [*learner.variables, *learner.optimizer.variables] if "step_logs" not in v.path]
    np.savez(run.dir / "final.npz", *[keras.ops.convert_to_numpy(v.value) for v in variables])
    return {{}}
'''


def _checkpoints(folder):
    metrics = folder / "metrics.jsonl"
    return metrics.read_text().count('"checkpoint"') if metrics.is_file() else 0


def _until(process, done):
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline and not done():
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_killed_and_resumed(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASARCH_CHECKPOINT_BATCHES", "1")
    recipe = tmp_path / "generative_test.py"
    recipe.write_text(RECIPE.format(networks=NETWORKS[name]))

    def start(code, *arguments):
        return subprocess.Popen([sys.executable, "-c", code, *arguments], env=os.environ)

    begin = "import sys; from kerasarch.runs.execute import run; run(sys.argv[1], out=sys.argv[2], quiet=True, **{})"
    whole = start(begin.format("{}"), str(recipe), str(tmp_path / "whole"))
    assert whole.wait(500) == 0
    killed = start(begin.format("{'pause': 0.2}"), str(recipe), str(tmp_path / "killed"))
    _until(killed, lambda: list_runs(tmp_path / "killed") and _checkpoints(list_runs(tmp_path / "killed")[0].path) > 2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    run = list_runs(tmp_path / "killed")[0]
    assert run.status == "died"
    assert (
        start("import sys; from kerasarch.runs.execute import resume; resume(sys.argv[1])", str(run.path)).wait(500)
        == 0
    )
    first, second = (np.load(list_runs(tmp_path / out)[0].path / "final.npz") for out in ("whole", "killed"))
    assert len(first.files) > 20
    for entry in first.files:
        np.testing.assert_array_equal(first[entry], second[entry])
