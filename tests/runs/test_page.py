"""Tables of reports."""

import pytest

from kerasarch.runs.page import table

pytestmark = pytest.mark.backend_free


def test_texts_keep_their_lines():
    found = table([{"step": 1, "text": "one\n  two"}, {"step": 2, "text": "three"}])
    assert '<td class="lines">one\n  two</td>' in found
    assert "<td>three</td>" in found
