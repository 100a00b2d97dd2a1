"""Stages that are restored instead of trained: what follows is bitwise the same."""

import keras
import numpy as np
import pytest

from kerasarch import training


def state(model):
    return [
        keras.ops.convert_to_numpy(variable.value).copy() for variable in [*model.variables, *model.optimizer.variables]
    ]


@pytest.mark.parametrize(("cache", "finished"), [(False, 1), (True, 1), (True, 2)])
def test_resumed_training_is_bitwise_equal(network, images, cache, finished):
    """The hook stands for a run's fit: it keeps each stage's variables, or assigns those kept, and seeds each stage."""
    kept = {}

    def train(restored):
        model = network()

        def fit(name, part, data, *, epochs, validation_data, callbacks):
            if name in restored:
                for variable, value in zip([*part.variables, *part.optimizer.variables], kept[name], strict=True):
                    variable.assign(value)
                return {}
            options = {"epochs": epochs, "validation_data": validation_data, "callbacks": list(callbacks)}
            history = part.fit(data, verbose=0, shuffle=False, **options).history
            kept[name] = state(part)
            return history

        training.GradualUnfreezing(
            model,
            epochs=1,
            max_stages=3,
            learning_rate=0.05,
            decay=2,
            warmup_epochs=1,
            patience=2,
            cache=cache,
            verbose=0,
        ).fit(training.ArrayBatches(*images, batch=8), images, fit=fit)
        return state(model)

    whole = train(())
    stages = list(kept)[:finished]
    for ours, theirs in zip(train(stages), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
