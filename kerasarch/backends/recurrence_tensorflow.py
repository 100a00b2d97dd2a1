"""Recurrences over long sequences on TensorFlow, with memory that does not hold every state."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

# Tokens whose states are in memory together: the graph has a step for each of them
CHUNK = 16


def scan_chunks(
    step: Callable[..., Any], constants: Sequence[Any], state: Any, sequences: Sequence[Any]
) -> tuple[Any, Any]:
    """Run a step over chunks, one after the other: see ``operations.scan_chunks``. No second derivatives.

    The gradient is a loop of its own, which the compiler takes too: TensorFlow's of a loop keeps all that happens in
    it, and Keras' ``scan`` has none that XLA compiles.
    """
    split = len(constants)

    @tf.custom_gradient
    def run(*given: Any) -> tuple[Any, Any]:
        constants, state, sequences = given[:split], given[split], given[split + 1 :]
        count = tf.shape(sequences[0])[0] if sequences[0].shape[0] is None else sequences[0].shape[0]

        def one(place: Any, state: Any, starts: Any, outputs: Any) -> tuple[Any, ...]:
            starts = starts.write(place, state)
            state, output = step(constants, state, [tf.gather(part, place) for part in sequences])
            return place + 1, state, starts, outputs.write(place, output)

        arrays = _array(count, state.shape), _array(count, sequences[0].shape[1:])
        _, last, starts, outputs = tf.while_loop(
            lambda place, *_: place < count, one, (0, state, *arrays), maximum_iterations=count
        )
        starts = starts.stack()

        def backward(*gradients: Any) -> list[Any]:
            to_outputs, to_last = gradients

            def one(place: Any, to_state: Any, to_constants: Any, to_parts: Any) -> tuple[Any, ...]:
                known = [*constants, tf.gather(starts, place), *(tf.gather(part, place) for part in sequences)]
                with tf.GradientTape() as tape:
                    tape.watch(known)
                    state, output = step(known[:split], known[split], known[split + 1 :])
                found = tape.gradient(
                    (output, state), known, (tf.gather(to_outputs, place), to_state), unconnected_gradients="zero"
                )
                to_constants = [one + two for one, two in zip(to_constants, found[:split], strict=True)]
                to_parts = [array.write(place, part) for array, part in zip(to_parts, found[split + 1 :], strict=True)]
                return place - 1, found[split], to_constants, to_parts

            begin = count - 1, to_last, [tf.zeros_like(part) for part in constants]
            arrays = [_array(count, part.shape[1:]) for part in sequences]
            _, to_state, to_constants, to_parts = tf.while_loop(
                lambda place, *_: place >= 0, one, (*begin, arrays), maximum_iterations=count
            )
            return [*to_constants, to_state, *(array.stack() for array in to_parts)]

        return (outputs.stack(), last), backward

    return run(*map(tf.convert_to_tensor, (*constants, state, *sequences)))


def _array(count: Any, shape: Any) -> tf.TensorArray:
    return tf.TensorArray("float32", count, element_shape=shape)


@tf.custom_gradient
def linear_recurrence(decay: Any, drive: Any, start: Any) -> Any:
    """Return ``h_t = decay_t h_{t-1} + drive_t``: see ``operations.linear_recurrence``."""
    decays, drives = tf.unstack(decay), tf.unstack(drive)
    states = [start]
    for one, two in zip(decays, drives, strict=True):
        states.append(one * states[-1] + two)
    found = tf.stack(states[1:])

    def backward(gradient: Any) -> tuple[Any, Any, Any]:
        gradients = tf.unstack(gradient)
        to_drives = [gradients[-1]]
        for one, two in zip(reversed(decays[1:]), reversed(gradients[:-1]), strict=True):
            to_drives.append(one * to_drives[-1] + two)
        to_drive = tf.stack(to_drives[::-1])
        return to_drive * tf.stack(states[:-1]), to_drive, decays[0] * to_drives[-1]

    return found, backward
