"""Texts that go on, as texts: special tokens, strings that end them, what is shown while they are drawn."""

import itertools

import pytest

from kerasarch.data import ByteTokenizer, CharacterTokenizer
from kerasarch.errors import UsageError
from kerasarch.generation import TextGenerator


class Recited:
    """Stands for a decoder: says the same bytes after every prompt, three at a time."""

    def __init__(self, tokens):
        self.tokens, self.asked = list(tokens), 0

    def __call__(self, prompts, new, *, watch=None, stop=None):
        self.prompts = prompts
        drawn = [[] for _ in prompts]
        for count in range(3, new + 3, 3):
            self.asked += 1
            drawn = [self.tokens[:count] for _ in prompts]
            ended = stop is not None and all(stop(row, tokens) for row, tokens in enumerate(drawn))
            if watch is not None:
                watch(drawn)
            if ended:
                break
        return drawn


def test_a_string_ends_the_text_and_the_work():
    decoder = Recited(b"one, two, three, four, five")
    generate = TextGenerator(decoder, ByteTokenizer(), stop=["three", "two, th", "nine"])
    seen = []
    assert generate(["zero ", "x"], 27, watch=seen.append) == ["one, ", "one, "]
    assert decoder.asked == 4  # "one, two, th" has 12 bytes
    assert decoder.prompts == [list(b"zero "), list(b"x")]
    shown = [texts[0] for texts in seen]
    assert shown[-1] == "one, "
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(shown))
    assert shown[2] == "one, "  # "two," may yet become the end


def test_no_part_of_a_character_is_shown():
    text = "a漢b☃"
    decoder = Recited(text.encode())
    seen = []
    assert TextGenerator(decoder, ByteTokenizer())(["-"], 12, watch=seen.append) == [text]
    assert [texts[0] for texts in seen] == ["a", "a漢b", text, text]


def test_tokens_that_begin_a_text_are_put_before_prompts():
    decoder = Recited(b"b")
    generate = TextGenerator(decoder, ByteTokenizer(("start", "end")))
    assert generate(["a", ""], 1) == ["b", "b"]
    assert decoder.prompts == [[256, 97], [256]]


def test_refusals():
    with pytest.raises(UsageError, match="empty"):
        TextGenerator(Recited(b"a"), ByteTokenizer(), stop=[""])
    with pytest.raises(UsageError, match="one character"):
        TextGenerator(Recited(b"a"), CharacterTokenizer("ab"))([""], 1)
