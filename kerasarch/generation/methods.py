"""Samplers by name, as recipes and saved samplers know them."""

from collections.abc import Callable
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.generation.flow import Flow
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan
from kerasarch.generation.solvers import ddim, ddpm, dpm_solver, euler, flow_euler, heun

METHODS: dict[str, Callable[..., Plan]] = {
    "ddpm": lambda process, steps, limit, **given: ddpm(process, steps, limit=limit, spacing="trailing", **given),
    "ddim": lambda process, steps, limit, **given: ddim(process, steps, limit=limit, spacing="trailing", **given),
    "euler": lambda process, steps, limit, **given: euler(process, steps, **given),
    "euler_ancestral": lambda process, steps, limit, **given: euler(process, steps, ancestral=True, **given),
    "heun": lambda process, steps, limit, **given: heun(
        process, max((steps + 1) // 2, 1), karras=True, highest=80.0, **given
    ),
    "dpm_solver": lambda process, steps, limit, **given: dpm_solver(process, steps, **given),
}
"""Heun asks the network twice a step but the last: it gets half as many, so that ``steps`` counts the questions."""


def make_plan(
    method: str, process: NoiseSchedule | Flow, steps: int, *, prediction: str, limit: float | None = 1.0
) -> Plan:
    """Return a sampler's table.

    Args:
        method: A name in ``METHODS``; flows have ``"flow_euler"`` alone.
        process: What the network was trained with.
        steps: Questions to the network.
        prediction: What it predicts.
        limit: x0 is clipped to plus and minus this by ddpm and ddim; None for never.

    Raises:
        UsageError: The method is unknown, or is none for this process; or the network predicts the noise of a process
            that ends without signal.
    """
    if isinstance(process, Flow):
        if method != "flow_euler" or prediction != "flow":
            raise UsageError(
                'A flow is drawn by method "flow_euler" with prediction "flow". '
                f"Received method={method!r}, prediction={prediction!r}."
            )
        return flow_euler(steps, total=process.steps)
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}. Received {method!r}.")
    process.check(prediction)
    arguments: dict[str, Any] = {"prediction": prediction, "limit": limit}
    return METHODS[method](process, steps, **arguments)
