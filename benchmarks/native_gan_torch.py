"""A step of DCGAN or WGAN-GP in plain PyTorch, around Keras networks and around torch.nn, for `training_step.py`."""

from collections.abc import Callable

import torch
from torch.nn import functional


def step(method: str, generator, discriminator, real) -> Callable[[], float]:
    """Return a step on Keras networks that returns the generator's loss."""
    generator_call = lambda noise: generator(noise, training=True)  # noqa: E731
    discriminator_call = lambda x: discriminator(x, training=True)  # noqa: E731
    parameters = [[v.value for v in network.trainable_variables] for network in (generator, discriminator)]
    return _step(
        method, generator_call, discriminator_call, parameters, torch.from_numpy(real), generator.input_shape[1]
    )


def plain_step(method: str, real, width: int) -> Callable[[], float]:
    """Return the same step on the same networks in torch.nn, in its own layout of pictures."""
    pictures = torch.from_numpy(real).permute(0, 3, 1, 2).contiguous()
    size = pictures.shape[-1]
    generator = plain_generator(size, 64, width)
    discriminator = plain_discriminator(size, width, norm=method == "dcgan")
    parameters = [list(generator.parameters()), list(discriminator.parameters())]
    return _step(method, generator, discriminator, parameters, pictures, 64)


def plain_generator(size: int, latent: int, width: int) -> torch.nn.Module:
    """The DCGAN generator of kerasarch, for sizes that are powers of two."""
    stages = (size // 4).bit_length() - 1
    filters = width * 2 ** (stages - 1)
    layers: list[torch.nn.Module] = [
        torch.nn.Linear(latent, 16 * filters, bias=False),
        torch.nn.Unflatten(1, (filters, 4, 4)),
        torch.nn.BatchNorm2d(filters),
        torch.nn.ReLU(),
    ]
    for _ in range(1, stages):
        layers += [torch.nn.ConvTranspose2d(filters, filters // 2, 4, 2, 1, bias=False)]
        filters //= 2
        layers += [torch.nn.BatchNorm2d(filters), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.ConvTranspose2d(filters, 3, 4, 2, 1, bias=False), torch.nn.Tanh())


def plain_discriminator(size: int, width: int, norm: bool) -> torch.nn.Module:
    """The DCGAN discriminator of kerasarch, for sizes that are powers of two."""
    layers: list[torch.nn.Module] = []
    before = 3
    for stage in range((size // 4).bit_length() - 1):
        filters = width * 2**stage
        layers.append(torch.nn.Conv2d(before, filters, 4, 2, 1, bias=stage > 0 and not norm))
        if stage > 0 and norm:
            layers.append(torch.nn.BatchNorm2d(filters))
        layers.append(torch.nn.LeakyReLU(0.2))
        before = filters
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(16 * before, 1, bias=False))


def _step(method, generator, discriminator, parameters, real, latent) -> Callable[[], float]:
    g_parameters, d_parameters = parameters
    g_optimizer = torch.optim.Adam(g_parameters, 2e-4, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(d_parameters, 2e-4, (0.5, 0.999))

    def discriminator_loss(fake):
        if method == "dcgan":
            return functional.softplus(-discriminator(real)).mean() + functional.softplus(discriminator(fake)).mean()
        share = torch.rand(real.shape[0], 1, 1, 1)
        between = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
        norm = (slope.square().sum((1, 2, 3)) + 1e-12).sqrt()
        return discriminator(fake).mean() - discriminator(real).mean() + 10 * (norm - 1).square().mean()

    def run() -> float:
        with torch.no_grad():
            fake = generator(torch.randn(real.shape[0], latent))
        d_optimizer.zero_grad()
        discriminator_loss(fake).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        for parameter in d_parameters:
            parameter.requires_grad_(False)
        scores = discriminator(generator(torch.randn(real.shape[0], latent)))
        loss = functional.softplus(-scores).mean() if method == "dcgan" else -scores.mean()
        loss.backward()
        g_optimizer.step()
        for parameter in d_parameters:
            parameter.requires_grad_(True)
        return loss.item()

    return run
