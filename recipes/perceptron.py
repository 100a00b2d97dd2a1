"""Train Rosenblatt's perceptron, step by step beside scikit-learn's, and see what it cannot learn.

Papers: Rosenblatt, 1958 (https://doi.org/10.1037/h0042519); Novikoff, 1962 (it learns whatever a plane separates);
Minsky and Papert, 1969 (XOR is not such a thing).
"""

from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Gt, Run, recipe

GATES = {"AND": (-1, -1, -1, 1), "OR": (-1, 1, 1, 1), "XOR": (-1, 1, 1, -1)}


@recipe(
    task="classification",
    data="two classes of iris (bundled with scikit-learn)",
    expect={"accuracy": ">=1", "xor_accuracy": "<=0.75", "difference_from_sklearn": "<=1e-4"},
)
def perceptron(
    run: Run,
    *,
    pair: Literal["setosa-versicolor", "setosa-virginica", "versicolor-virginica"] = "setosa-versicolor",
    epochs: Annotated[int, Ge(1)] = 10,
    rate: Annotated[float, Gt(0)] = 1.0,
) -> dict[str, float]:
    """Train Rosenblatt's perceptron on two kinds of iris, and see XOR fail.

    A unit weighs the four measures of a flower. After a mistake the example is added to the weights or subtracted from
    them. Where a plane separates the classes, this ends without mistakes; versicolor and virginica are not separable,
    nor is XOR, where at least one of four examples stays wrong for ever. After every single step the weights are held
    against those of scikit-learn's Perceptron on the same examples.

    Args:
        pair: The two kinds of iris; setosa is separable from both others.
        epochs: Times that every example is shown.
        rate: What a mistake's example is multiplied by. Weights begin at zero, so it only scales them.
    """
    import numpy as np
    from sklearn.datasets import load_iris

    iris = load_iris()
    kinds = [list(iris.target_names).index(name) for name in pair.split("-")]
    chosen = np.isin(iris.target, kinds)
    x, y = iris.data[chosen].astype("float32"), np.where(iris.target[chosen] == kinds[1], 1, -1)
    model, mistakes, steps = _learn(run, pair, x, y, epochs, rate)
    difference = _difference_from_sklearn(run, steps, x, y, rate)
    run.save(model)

    curves: dict[str, list[float]] = {pair: mistakes}
    accuracies: dict[str, float] = {pair: _accuracy(model, x, y)}
    corners = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)], "float32")
    gates = {name: np.array(answers) for name, answers in GATES.items()}
    lines = {}
    for name, answers in gates.items():
        gate, curves[name], _ = _learn(run, name, corners, answers, 3 * epochs, rate)
        accuracies[name] = _accuracy(gate, corners, answers)
        lines[name] = np.concatenate([weight.ravel() for weight in gate.get_weights()])
    _report(run, curves, accuracies, corners, gates, lines)
    return {
        "accuracy": accuracies[pair],
        "difference_from_sklearn": difference,
        "and_accuracy": accuracies["AND"],
        "or_accuracy": accuracies["OR"],
        "xor_accuracy": accuracies["XOR"],
    }


def _learn(run: Run, name: str, x: Any, y: Any, epochs: int, rate: float) -> tuple[Any, list[float], list[Any]]:
    """Train on one example after the other; return model, mistakes an epoch and the weights after every step."""
    import keras

    from kerasarch import models, training

    model = models.perceptron((x.shape[1],))
    model.compile(keras.optimizers.SGD(rate), training.PerceptronCriterion(), metrics=[training.Mistakes()])
    path = training.WeightPath()
    data = training.ArrayBatches(x, y, batch=1, seed=run.seed)
    history = run.fit(name, model, data, epochs=epochs, callbacks=[path])
    return model, history["mistakes"], path.path


def _difference_from_sklearn(run: Run, steps: list[Any], x: Any, y: Any, rate: float) -> float:
    """Largest difference of a weight after any step, as a part of the largest weight."""
    import numpy as np
    from sklearn.linear_model import Perceptron

    from kerasarch import training

    theirs = Perceptron(eta0=rate, shuffle=False)
    data, largest, worst = training.ArrayBatches(x, y, batch=1, seed=run.seed), 1e-12, 0.0
    for step, ours in enumerate(steps):
        example, label = data.batch(*divmod(step, data.steps))
        theirs.partial_fit(example.astype("float64"), label, classes=[-1, 1])
        expected = np.concatenate([theirs.coef_[0], theirs.intercept_])
        worst = max(worst, float(np.abs(ours - expected).max()))
        largest = max(largest, float(np.abs(expected).max()))
    run.say(f"largest difference from scikit-learn over {len(steps)} steps: {worst / largest:.1e} of the weights")
    return worst / largest


def _accuracy(model: Any, x: Any, y: Any) -> float:
    import numpy as np

    scores = np.asarray(model.predict(x, batch_size=len(x), verbose=0))[:, 0]
    return float(np.mean(np.where(scores > 0, 1, -1) == y))


def _report(run: Run, curves: Any, accuracies: Any, corners: Any, gates: Any, lines: Any) -> None:
    import numpy as np

    rows = [
        {"task": name, "accuracy": accuracies[name], "first epoch without mistakes": _first(curve)}
        for name, curve in curves.items()
    ]
    run.table("tasks", rows, caption="What a perceptron learns, and what it does not")
    with run.figure("mistakes", caption="Share of mistakes in each epoch") as figure:
        axes = figure.subplots()
        for name, curve in curves.items():
            axes.plot(range(1, len(curve) + 1), curve, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel("mistakes")
        axes.legend(frameon=False)
    with run.figure("gates", caption="The four inputs of each gate and the line after training") as figure:
        for axes, (name, answers) in zip(figure.subplots(1, 3), gates.items(), strict=True):
            axes.scatter(*corners.T, c=answers, cmap="coolwarm", edgecolors="k", zorder=2)
            first, second, bias = lines[name]
            grid = np.linspace(-1.6, 1.6, 50)
            across, up = np.meshgrid(grid, grid)
            axes.contourf(across, up, first * across + second * up + bias > 0, cmap="coolwarm", alpha=0.2, zorder=1)
            axes.set_title(name)
            axes.set_aspect("equal")


def _first(curve: list[float]) -> Any:
    return next((epoch for epoch, share in enumerate(curve, start=1) if share == 0), "never")
