"""How fast a U-Net learns to denoise and draws, beside diffusers on PyTorch: the same network, the same batch.

    python benchmarks/diffusion.py --batch 16 --size 32

Each of our backends runs in a process of its own, and diffusers' network in each of them too: the two take turns, step
by step, so that a machine that slows down slows both; the median counts. Both are read from one folder of weights. A
training step is noise, prediction, squared error, gradients, Adam; a drawing step is a question to the network and a
DDIM step, on a batch.
"""

import argparse
import tempfile
from collections.abc import Callable

from each_backend import on_each_backend, options_of, take_turns

QUESTIONS = 5
"""Drawing steps of one measurement."""


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    parser.add_argument("--batch", type=int, default=16, help="pictures in a batch (default: 16)")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels (default: 32)")
    parser.add_argument("--width", type=int, default=64, help="channels of the first level (default: 64)")
    parser.add_argument("--steps", type=int, default=9, help="timed measurements of each kind (default: 9)")
    options = parser.parse_args()
    results = [row for rows in on_each_backend(options, lambda backend: measure(backend, options)) for row in rows]
    print(table(results, options))


def measure(backend: str, options: argparse.Namespace) -> list[dict]:
    """Time our network on this backend and diffusers' on PyTorch."""
    import diffusers

    import kerasarch

    with tempfile.TemporaryDirectory() as folder:
        theirs = diffusers.UNet2DModel(
            sample_size=options.size,
            in_channels=3,
            out_channels=3,
            block_out_channels=(options.width, 2 * options.width, 2 * options.width),
            layers_per_block=2,
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        )
        theirs.save_pretrained(folder)
        ours = kerasarch.from_pretrained(folder)
    steps = {"kerasarch": our_steps(ours, options), "diffusers": their_steps(theirs, options)}
    return [
        {"backend": backend, "kind": kind, "implementation": name, "seconds": seconds}
        for kind in ("train", "draw")
        for name, seconds in take_turns({name: pair[kind] for name, pair in steps.items()}, options.steps).items()
    ]


def our_steps(network, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Return a training step and some drawing steps of ours."""
    import keras
    import numpy as np

    from kerasarch.generation import DenoisingStep, NoiseSchedule, ddim, denoise
    from kerasarch.training import Diffusion

    schedule = NoiseSchedule("linear")
    learner = Diffusion(network, schedule, seed=0)
    learner.compile(keras.optimizers.Adam(1e-4))
    shape = (options.batch, options.size, options.size, 3)
    x = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape).astype("float32"))
    plan, step = ddim(schedule, QUESTIONS), DenoisingStep(network)
    # The results are NumPy numbers: no step can end before its work is done.
    return {"train": lambda: learner.train_on_batch(x), "draw": lambda: denoise(step, plan, shape)}


def their_steps(network, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Return the same steps of diffusers."""
    import diffusers
    import torch

    scheduler = diffusers.DDPMScheduler()
    drawer = diffusers.DDIMScheduler()
    drawer.set_timesteps(QUESTIONS)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    x = torch.randn(options.batch, 3, options.size, options.size)

    def train() -> None:
        network.train()
        noise = torch.randn_like(x)
        times = torch.randint(0, 1000, (options.batch,))
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(scheduler.add_noise(x, noise, times), times).sample, noise)
        loss.backward()
        optimizer.step()
        loss.item()

    def draw() -> None:
        network.eval()
        sample = torch.randn_like(x)
        with torch.no_grad():
            for time_ in drawer.timesteps:
                sample = drawer.step(network(sample, time_).sample, time_, sample).prev_sample
        sample.numpy()

    return {"train": train, "draw": draw}


def table(results: list[dict], options: argparse.Namespace) -> str:
    """Return the figures as text, 80 columns wide."""
    lines = [
        f"width {options.width}, batch {options.batch}, {options.size} x {options.size} pixels; pictures a second",
        f"{'our backend':<14}{'step':<22}{'kerasarch':>10}{'diffusers':>11}{'our time / theirs':>20}",
    ]
    keys = dict.fromkeys((row["backend"], row["kind"]) for row in results)
    for backend, kind in keys:
        seconds = {
            row["implementation"]: row["seconds"] for row in results if (row["backend"], row["kind"]) == (backend, kind)
        }
        work = options.batch * (QUESTIONS if kind == "draw" else 1)
        words = "training" if kind == "train" else "drawing, one question"
        rates = {name: work / value for name, value in seconds.items()}
        ratio = seconds["kerasarch"] / seconds["diffusers"]
        lines.append(f"{backend:<14}{words:<22}{rates['kerasarch']:>10.1f}{rates['diffusers']:>11.1f}{ratio:>20.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
