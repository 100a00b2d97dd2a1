"""The tests run on the backend of KERAS_BACKEND, or on the first one that is installed."""

from kerasarch.testing import choose_backend

choose_backend()
