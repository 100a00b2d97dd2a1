"""Serialisation does without TensorFlow where nobody has imported it, and knows its classes where somebody has."""

import os
import subprocess
import sys

import pytest

CODE = """
import sys, keras
from kerasarch import backends
backends.prepare()
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.save(sys.argv[1])
print("tensorflow" in sys.modules)
import tensorflow as tf
print(sum(keras.saving.serialize_keras_object(tf.TensorShape([2, 3]))))
print(keras.saving.load_model(sys.argv[1]).name)
"""


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "tensorflow", reason="there TensorFlow is imported anyway")
def test_tensorflow_is_not_imported_to_find_out_that_nothing_is_of_its_classes(tmp_path):
    command = [sys.executable, "-c", CODE, str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "5", "sequential"]
