"""TensorBoard logs, written with the tensorboard package alone; TensorFlow is not imported."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasarch.errors import DependencyError


class Board:
    """A log of scalars.

    Args:
        folder: Its folder; each process adds a file.

    Raises:
        DependencyError: The tensorboard package is not installed.
    """

    def __init__(self, folder: Path):
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise DependencyError(
                '--tensorboard needs the tensorboard package: pip install "kerasarch[tensorboard]".'
            ) from error
        folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        self._event, self._summary = Event, Summary
        self._writer = RecordWriter((folder / name).open("ab"))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def write(self, fields: Mapping[str, Any]) -> None:
        """Write the numbers of one line of ``metrics.jsonl``."""
        prefix = f"{fields['phase']}/" if "phase" in fields else ""
        values = [
            self._summary.Value(tag=f"{prefix}{name}", simple_value=value)
            for name, value in fields.items()
            if isinstance(value, float)
        ]
        summary = self._summary(value=values)
        self._write(self._event(wall_time=time.time(), step=int(fields["step"]), summary=summary))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()
