"""Checks of a layer and of a model on the backend of this process."""

from collections.abc import Callable, Sequence
from typing import Any

from kerasarch import backends
from kerasarch.testing import properties
from kerasarch.testing.example import Example, examples_of
from kerasarch.testing.findings import Check, ConformanceError, Finding, failed
from kerasarch.testing.probe import Probe

CHECKS = (
    Check(
        "construction",
        "Construct it by hand with the example's arguments and call it on keras.random.normal(shape).",
        properties.construction,
    ),
    Check(
        "registration",
        'Decorate each class with @keras.saving.register_keras_serializable(package="your-package").',
        properties.registration,
    ),
    Check(
        "config round trip",
        "Return every argument of __init__ from get_config, as plain JSON values, beside super().get_config().",
        properties.config,
    ),
    Check(
        "saving",
        "Create the variables of every child in build (call child.build(shape)), so that a loaded layer has them too.",
        properties.saving,
    ),
    Check(
        "shapes",
        "Write compute_output_shape, keep the batch None, and take sizes in call from keras.ops.shape.",
        properties.shapes,
    ),
    Check(
        "dtype policies",
        "Give dtype=self.dtype_policy to every child layer, and cast constants to the compute dtype.",
        properties.policies,
    ),
    Check(
        "gradients",
        "Use every variable in call, through operations that have a gradient; name those that are still by design "
        "in Example(still=...).",
        properties.gradients,
    ),
    Check(
        "batch independence",
        "Reduce over the axes of one row only; where rows must mix, say why in Example(skip=...).",
        properties.batch_independence,
    ),
    Check(
        "compiled",
        "Use keras.ops instead of NumPy and Python branches on tensors in call.",
        properties.compiled,
    ),
)
LAYER_CHECKS = (
    *CHECKS,
    Check(
        "composition",
        "Keep children as attributes, and take inputs in call's first positional arguments.",
        properties.composition,
    ),
)


def check_layer(layer: type, *, examples: Sequence[Example] | None = None) -> list[Finding]:
    """Check a layer's class on the backend of this process.

    Args:
        layer: The class.
        examples: How to construct and call it, by default its attribute ``conformance``.

    Returns:
        What was found, all passed or skipped.

    Raises:
        ConformanceError: A check failed; its text is the report.
        PluginError: There are no examples.
    """
    return _demand(examine(layer, examples, layer=True))


def check_model(builder: Callable[..., Any], *, examples: Sequence[Example] | None = None) -> list[Finding]:
    """Check a model's builder on the backend of this process.

    Args:
        builder: A function that returns a ``keras.Model``, or a class of models.
        examples: How to call it, and its model, by default its attribute ``conformance``.

    Returns:
        What was found, all passed or skipped.

    Raises:
        ConformanceError: A check failed; its text is the report.
        PluginError: There are no examples.
    """
    return _demand(examine(builder, examples, layer=False))


def examine(entry: Any, examples: Sequence[Example] | None, *, layer: bool) -> list[Finding]:
    """Run every check on every example and return what was found, failures too."""
    name = getattr(entry, "__name__", str(entry))
    findings = []
    for example in examples_of(entry, name) if examples is None else examples:
        probe = Probe(entry, example, layer)
        title = f"{name}({example.title})"
        for check in LAYER_CHECKS if layer else CHECKS:
            findings.append(check.examine(probe, title=title, backend=backends.name(), skip=example.skip))
            if findings[-1].status == "failed" and check.name == "construction":
                break
    return findings


def _demand(findings: list[Finding]) -> list[Finding]:
    if failed(findings):
        raise ConformanceError(findings)
    return findings
