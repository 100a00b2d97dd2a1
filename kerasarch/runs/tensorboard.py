"""TensorBoard logs, written with the tensorboard package alone; TensorFlow is not imported."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasarch.errors import DependencyError


class Board:
    """A log of scalars, histograms and warnings.

    Args:
        folder: Its folder; each process adds a file.

    Raises:
        DependencyError: The tensorboard package is not installed.
    """

    def __init__(self, folder: Path):
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.histogram_pb2 import HistogramProto
            from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
            from tensorboard.compat.proto.tensor_pb2 import TensorProto
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise DependencyError(
                '--tensorboard needs the tensorboard package: pip install "kerasarch[tensorboard]".'
            ) from error
        folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        self._event, self._summary, self._histogram = Event, Summary, HistogramProto
        self._tensor, self._metadata = TensorProto, SummaryMetadata
        self._writer = RecordWriter((folder / name).open("ab"))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def write(self, fields: Mapping[str, Any]) -> None:
        """Write the numbers of one line of ``metrics.jsonl``, or the words of a warning."""
        prefix = f"{fields['phase']}/" if "phase" in fields else ""
        scalars = {name: value for name, value in fields.items() if isinstance(value, float)}
        for name, values in fields.items():
            if isinstance(values, Mapping) and name != "parts":  # of one figure the values of each part
                scalars |= {f"{name}/{part}": value for part, value in values.items()}
        values = [self._summary.Value(tag=f"{prefix}{name}", simple_value=value) for name, value in scalars.items()]
        for part, counted in fields.get("parts", {}).items():
            values.append(self._summary.Value(tag=f"{prefix}weights/{part}", histo=self._histogram(**_bins(counted))))
        if fields["kind"] == "warning":
            values.append(
                self._words(f"{prefix}{fields['name']}/{fields['part']}", f"{fields['text']} {fields['remedy']}")
            )
        summary = self._summary(value=values)
        self._write(self._event(wall_time=time.time(), step=int(fields["step"]), summary=summary))

    def _words(self, tag: str, text: str) -> Any:
        """A text as TensorBoard's text plugin wants it: a tensor of one string, whose type is numbered 7."""
        plugin = self._metadata(plugin_data=self._metadata.PluginData(plugin_name="text"))
        return self._summary.Value(tag=tag, metadata=plugin, tensor=self._tensor(dtype=7, string_val=[text.encode()]))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def _bins(counted: Mapping[str, Any]) -> dict[str, Any]:
    """A histogram of equal bins as TensorBoard wants it: the upper limit of each."""
    low, high, counts = counted["low"], counted["high"], counted["counts"]
    limits = [low + (high - low) * (index + 1) / len(counts) for index in range(len(counts))]
    return {
        "min": low,
        "max": high,
        "num": sum(counts),
        "sum": counted["sum"],
        "sum_squares": counted["squares"],
        "bucket_limit": limits,
        "bucket": counts,
    }
