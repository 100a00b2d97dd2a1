"""What a recipe hands to its report: figures, tables, a confusion matrix, example pictures, kept as files.

They lie in the run's folder as JSON, NPZ and PNG, so that the report can be written again without the model.
"""

import contextlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.runs.atomic import disk_error, read_json, write_file, write_json
from kerasarch.runs.folder import FIGURES, PARTS


def slug(name: str) -> str:
    """Turn a name into a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "unnamed"


class Parts:
    """The parts of one run's report.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path):
        self.figures_folder, self.folder = folder / FIGURES, folder / PARTS

    @contextlib.contextmanager
    def figure(self, name: str, caption: str = "") -> Iterator[Any]:
        """Open a matplotlib figure that is saved as ``figures/<name>.png`` at the end of the block."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        data = io.BytesIO()
        figure.savefig(data, format="png", dpi=150)
        self._make(self.figures_folder)
        write_file(self.figures_folder / f"{slug(name)}.png", lambda file: file.write(data.getvalue()))
        # What is transparent suits any page; what holds pictures must not be inverted.
        plot = figure.patch.get_alpha() != 0 and not any(axes.images for axes in figure.axes)
        self._json(f"figure-{slug(name)}", {"name": name, "caption": caption, "plot": plot})

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], caption: str = "") -> None:
        """Keep a table."""
        self._json(f"table-{slug(name)}", {"name": name, "caption": caption, "rows": [dict(row) for row in rows]})

    def confusion(self, matrix: Any, classes: Sequence[str]) -> None:
        """Keep a confusion matrix.

        Raises:
            UsageError: The matrix is not square, or its size is not that of the classes.
        """
        import numpy as np

        counts = np.asarray(matrix)
        if counts.shape != (len(classes), len(classes)):
            raise UsageError(
                f"confusion: expected a matrix of {len(classes)} by {len(classes)} counts, one row a class. "
                f"Received shape {counts.shape}."
            )
        self._json("confusion", {"matrix": counts.tolist(), "classes": [str(name) for name in classes]})

    def examples(self, images: Any, labels: Any, predictions: Any, classes: Sequence[str]) -> None:
        """Keep pictures with their true and predicted classes.

        Raises:
            UsageError: The arrays do not fit together.
        """
        import numpy as np

        images, labels, predictions = np.asarray(images), np.asarray(labels), np.asarray(predictions)
        if images.ndim != 4 or labels.shape != (len(images),) or predictions.shape != (len(images), len(classes)):
            raise UsageError(
                "examples: expected images (N, H, W, C), labels (N,) and predictions (N, classes). Received "
                f"{images.shape}, {labels.shape}, {predictions.shape} and {len(classes)} classes."
            )
        data = io.BytesIO()
        pixels = np.clip(images, 0, 255).astype(np.uint8)
        names = np.array([str(name) for name in classes])
        np.savez_compressed(data, images=pixels, labels=labels, predictions=predictions, classes=names)
        self._make(self.folder)
        write_file(self.folder / "examples.npz", lambda file: file.write(data.getvalue()))

    def read(self, kind: str) -> list[dict[str, Any]]:
        """Read the parts of a kind: ``figure``, ``table`` or ``confusion``, the oldest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.glob(f"{kind}*.json") if isinstance(read_json(path), dict)]
        return [read_json(path) for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))]

    def read_examples(self) -> dict[str, Any] | None:
        """Read the pictures and what belongs to them, or None."""
        import numpy as np

        try:
            with np.load(self.folder / "examples.npz", allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError):
            return None

    def _json(self, name: str, value: Any) -> None:
        self._make(self.folder)
        write_json(self.folder / f"{name}.json", value)

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise disk_error(folder, error) from error
