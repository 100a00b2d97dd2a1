"""The warning that lists what was left out of a folder."""

import logging
from collections.abc import Sequence

LISTED = 20
"""Reasons in a warning, at most."""

logger = logging.getLogger("kerasarch")


def warn_of_skipped(origin: object, reasons: Sequence[str], *, kind: str = "files") -> None:
    """List what was skipped, in one warning; say nothing where there is nothing.

    Args:
        origin: Where it was.
        reasons: A line each.
        kind: What was skipped, in the plural.
    """
    if not reasons:
        return
    lines = [f"{origin}: skipped {len(reasons):,} of its {kind}:", *reasons[:LISTED]]
    if len(reasons) > LISTED:
        lines.append(f"and {len(reasons) - LISTED:,} more (in Python, the attribute `skipped` has them all)")
    logger.warning("%s", "\n  ".join(lines))
