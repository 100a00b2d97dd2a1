"""What processes that add noise have in common: they are saved with the samplers that draw from them."""

import dataclasses
from typing import Any


class Process:
    """A frozen dataclass that Keras can save: its fields are plain values."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make the process again."""
        return cls(**config)
