"""The tones of telephone keys, made: two sines a key, with noise."""

import numpy as np

from kerasarch.data.recordings import MadeRecordings

LOW, HIGH = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)  # Hz
KEYS = ("123", "456", "789", "*0#")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE = 8000
COUNT = 60


def dial_tones(count: int = COUNT, seed: int = 0) -> MadeRecordings:
    """Make recordings of the ten digits' keys.

    A key sounds a low tone for its row and a high one for its column: ITU-T Q.23 (https://www.itu.int/rec/T-REC-Q.23).
    Each recording has its own length (0.15 to 0.4 s), frequencies within 1.5 % of those of the standard, a high tone
    from 8 dB below to 4 dB above the low one, and white noise 20 to 5 dB below both. It is no speech, but stands in for
    it.

    Args:
        count: Recordings of each digit.
        seed: Same seed, same recordings.

    Returns:
        Recordings with the classes "zero" to "nine".
    """
    rng = np.random.default_rng([seed, 0xD7AF])
    places = {key: (row, column) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)}
    waves, labels, names = [], [], []
    for digit in range(len(WORDS)):
        row, column = places[str(digit)]
        for index in range(count):
            waves.append(_tone(LOW[row], HIGH[column], rng))
            labels.append(digit)
            names.append(f"{digit}_key_{index}")
    return MadeRecordings(waves, np.array(labels), WORDS, RATE, names)


def _tone(low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    times = np.arange(int(RATE * rng.uniform(0.15, 0.4))) / RATE
    pitches = np.array([low, high]) * rng.uniform(0.985, 1.015, 2)
    twist = 10 ** (rng.uniform(-8, 4) / 20)
    phases = rng.uniform(0, 2 * np.pi, 2)
    clean = np.sin(2 * np.pi * pitches[0] * times + phases[0])
    clean += twist * np.sin(2 * np.pi * pitches[1] * times + phases[1])
    level = np.sqrt(np.mean(clean**2)) * 10 ** (-rng.uniform(5, 20) / 20)
    noisy = clean + level * rng.normal(size=len(times))
    return (0.5 * rng.uniform(0.2, 1) * noisy / np.abs(noisy).max()).astype("float32")
