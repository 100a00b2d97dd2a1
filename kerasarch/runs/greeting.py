"""TensorFlow's greeting, which no setting turns off: lines about itself on the error output while it is imported."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Its information messages (I0000 TIME PID file.cc:LINE]), and what its logging library says about those.
_GREETING = re.compile(rb"I\d{4} \d|WARNING: All log messages before absl::InitializeLog")


@contextmanager
def without_greeting() -> Iterator[None]:
    """Hold back what is written to the error output inside the block, by libraries too; give it all but the greeting.

    For the import of a backend: nothing else of the process should write there meanwhile.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if not _GREETING.match(line):
                    os.write(2, line)
