"""How good VAE and VQ-VAE become on the bundled digits; the VAE beside the same model in plain PyTorch.

    python benchmarks/vae.py --steps 2000 --seeds 3

Each backend runs in a process of its own. For each seed both VAEs start from the same weights and see the same batches
in the same order; only the noise of the latent vectors differs. The bound is that of the held-out digits, the mean of
``--draws`` draws for each. VQ-VAE reports the perplexity of its codebook on the held-out digits, and its PixelCNN prior
the bits for a code. Exit code 1 when a requirement does not hold: our mean bound is not below PyTorch's by more than
twice the standard error of the paired differences, and the perplexity is above a third of the codebook's size.
"""

import argparse
import math
import statistics
import sys
import time

import numpy as np
from each_backend import on_each_backend, options_of

SHAPE = (8, 8, 1)
LATENT, WIDTH, BATCH, RATE = 16, 256, 64, 1e-3
CODES, CODE_WIDTH = 64, 16


def main() -> None:
    """Run every backend, print the table, and hold it against the requirements."""
    parser = options_of(__doc__)
    parser.add_argument("--steps", type=int, default=2000, help="batches of training (default: 2000)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each model (default: 3)")
    parser.add_argument("--draws", type=int, default=20, help="draws of the bound for each test digit (default: 20)")
    options = parser.parse_args()
    results = on_each_backend(options, lambda backend: measure(backend, options))
    print(table(results, options))
    sys.exit(0 if all(result["holds"] for result in results) else 1)


def measure(backend: str, options: argparse.Namespace) -> dict:
    """Train every model of every seed on this backend."""
    train, test = digits()
    ours, theirs, perplexities, bits = [], [], [], []
    seconds = {"vae": 0.0, "torch": 0.0, "vq": 0.0}
    for seed in range(options.seeds):
        batches = ordered(train, options.steps, seed)
        start = time.perf_counter()
        bound, weights = keras_vae(batches, test, options, seed)
        seconds["vae"] += time.perf_counter() - start
        ours.append(bound)
        start = time.perf_counter()
        theirs.append(torch_vae(weights, batches, test, options, seed))
        seconds["torch"] += time.perf_counter() - start
        start = time.perf_counter()
        perplexity, code_bits = keras_vq_vae(batches, train, test, seed)
        seconds["vq"] += time.perf_counter() - start
        perplexities.append(perplexity)
        bits.append(code_bits)
    apart = [a - b for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else 0.0
    holds = statistics.mean(apart) >= -2 * error and min(perplexities) > CODES / 3
    return {
        "backend": backend,
        "ours": ours,
        "torch": theirs,
        "apart": statistics.mean(apart),
        "error": error,
        "perplexity": perplexities,
        "bits_per_code": bits,
        "seconds": {name: round(value / options.seeds, 1) for name, value in seconds.items()},
        "holds": holds,
    }


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out pictures from 0 to 1."""
    from kerasarch.data.digits import digits as bundled

    images = np.asarray(bundled().images, "float32").reshape(-1, *SHAPE) / 255
    order = np.random.default_rng(0).permutation(len(images))
    return images[order[360:]], images[order[:360]]


def ordered(train: np.ndarray, steps: int, seed: int) -> np.ndarray:
    """All batches of a training, one behind the other."""
    rng = np.random.default_rng(seed)
    epochs = math.ceil(steps * BATCH / len(train))
    order = np.concatenate([rng.permutation(len(train)) for _ in range(epochs)])
    return train[order[: steps * BATCH]]


def keras_vae(batches: np.ndarray, test: np.ndarray, options: argparse.Namespace, seed: int) -> tuple[float, list]:
    """Train ours; return its bound in nats, and the weights that it began with."""
    import keras

    from kerasarch import models
    from kerasarch.training import autoencoding

    keras.utils.set_random_seed(seed)
    vae = autoencoding.VAE(
        models.vae_encoder(SHAPE, LATENT, width=WIDTH), models.vae_decoder(SHAPE, LATENT, width=WIDTH), seed=seed
    )
    weights = [np.array(keras.ops.convert_to_numpy(variable)) for variable in vae.trainable_variables]
    vae.compile(keras.optimizers.Adam(RATE, epsilon=1e-8))
    vae.fit(batches, batch_size=BATCH, shuffle=False, verbose=0)
    drawn = np.repeat(test, options.draws, axis=0)
    return float(vae.evaluate(drawn, batch_size=360, verbose=0, return_dict=True)["elbo"]), weights


def torch_vae(weights: list, batches: np.ndarray, test: np.ndarray, options: argparse.Namespace, seed: int) -> float:
    """Train the same model in plain PyTorch from the same weights; return its bound in nats."""
    import torch
    from torch import nn
    from torch.nn import functional

    def network(parts: list) -> nn.Sequential:
        layers: list[nn.Module] = []
        for kernel, bias in zip(parts[::2], parts[1::2], strict=True):
            layer = nn.Linear(*kernel.shape)
            layer.weight.data = torch.tensor(kernel.T.copy())
            layer.bias.data = torch.tensor(bias)
            layers += [layer, nn.ReLU()]
        return nn.Sequential(*layers[:-1]).to("cpu")

    def bound(x: torch.Tensor) -> torch.Tensor:
        mean, logvar = encoder(x).chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=generator)
        logits = decoder(mean + torch.exp(0.5 * logvar) * noise)
        likelihood = -functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        return likelihood - 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)

    with torch.device("cpu"):
        encoder, decoder = network(weights[:6]), network(weights[6:])
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], RATE)
        for start in range(0, len(batches), BATCH):
            loss = -bound(torch.tensor(batches[start : start + BATCH]).flatten(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            x = torch.tensor(test).flatten(1)
            return float(torch.stack([bound(x).mean() for _ in range(options.draws)]).mean())


def keras_vq_vae(batches: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> tuple[float, float]:
    """Train VQ-VAE and its prior; return the codebook's perplexity and the bits for a code, on the held-out digits."""
    import keras

    from kerasarch import models
    from kerasarch.layers import VectorQuantizer
    from kerasarch.training import autoencoding

    keras.utils.set_random_seed(seed)
    sizes = {"width": 64, "halvings": 1}
    vq_vae = autoencoding.VQVAE(
        models.vq_encoder(SHAPE, CODE_WIDTH, **sizes),
        VectorQuantizer(CODES, reset_below=1.0, seed=seed),
        models.vq_decoder(SHAPE, CODE_WIDTH, **sizes),
        variance=float(train.var()),
    )
    vq_vae.compile(keras.optimizers.Adam(RATE))
    vq_vae.fit(batches, batch_size=BATCH, shuffle=False, verbose=0)
    perplexity = float(vq_vae.evaluate(test, batch_size=360, verbose=0, return_dict=True)["perplexity"])
    prior = models.pixel_cnn(models.code_grid(SHAPE, 1), CODES, width=32, blocks=2)
    prior.compile(keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    codes, held = vq_vae.codes(batches), vq_vae.codes(test)
    prior.fit(codes, codes, batch_size=BATCH, shuffle=False, verbose=0)
    return perplexity, float(prior.evaluate(held, held, batch_size=360, verbose=0)) / math.log(2)


def table(results: list[dict], options: argparse.Namespace) -> str:
    """The figures as a table."""
    lines = [
        f"digits, {options.steps} steps of {BATCH}, mean of {options.seeds} seeds",
        "",
        "| backend | ELBO, ours | ELBO, PyTorch | ours - PyTorch | perplexity of 64 codes | bits a code | holds |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        means = {name: statistics.mean(result[name]) for name in ("ours", "torch", "perplexity", "bits_per_code")}
        lines.append(
            f"| {result['backend']} | {means['ours']:.3f} | {means['torch']:.3f} | {result['apart']:+.3f} ± "
            f"{result['error']:.3f} | {means['perplexity']:.1f} (least {min(result['perplexity']):.1f}) | "
            f"{means['bits_per_code']:.2f} | {'yes' if result['holds'] else 'NO'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
