"""Changes of texts: what they may do and what not, the same from the same seed, and errors."""

import sys
import types

import numpy as np
import pytest

from kerasarch.data import (
    Paraphrases,
    SentenceShuffle,
    Synonyms,
    TextChanges,
    WordDropout,
    back_translate,
    read_synonyms,
    synonyms_of,
    wordnet_synonyms,
)
from kerasarch.errors import DataError, DependencyError, UsageError

pytestmark = pytest.mark.backend_free
TEXT = "The film was good. A good film, isn't it? Yes!"
GROUPS = synonyms_of([["film", "movie"], ["good", "fine", "great"]])


def changed(change, text=TEXT, count=200):
    return [change(text, np.random.default_rng([7, number])) for number in range(count)]


def test_word_dropout():
    words = TEXT.split()
    found = changed(WordDropout(0.3))
    for text in found:
        rest = iter(words)
        assert all(word in rest for word in text.split())  # what stays keeps its order
    share = np.mean([len(text.split()) for text in found]) / len(words)
    assert share == pytest.approx(0.7, abs=0.03)
    assert set(changed(WordDropout(0.9), "two words")) >= {"two", "words"}
    assert all(changed(WordDropout(0.9), "two words"))
    assert set(changed(WordDropout(0.0), "  as  it is ")) == {"  as  it is "}


def test_sentences_in_another_order():
    sentences = ["The film was good.", "A good film, isn't it?", "Yes!"]
    found = set(changed(SentenceShuffle()))
    assert len(found) == 6
    assert all(sorted(sentences) == sorted(sentence for sentence in sentences if sentence in text) for text in found)
    assert set(changed(SentenceShuffle(), "One, v. 3.5")) == {"One, v. 3.5", "3.5 One, v."}
    assert set(changed(SentenceShuffle(), "one line alone")) == {"one line alone"}


def test_synonyms():
    found = changed(Synonyms(GROUPS, 0.5))
    assert {text.split()[1] for text in found} == {"film", "movie"}
    assert {text.split()[3] for text in found} == {"good.", "fine.", "great."}
    assert all(text.endswith("isn't it? Yes!") for text in found)
    replaced = np.mean([text.split()[3] != "good." for text in found])
    assert replaced == pytest.approx(0.5, abs=0.1)
    assert set(changed(Synonyms(GROUPS, 1.0), "Film. FILM")) == {"Movie. Movie"}


def test_a_list_of_synonyms(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# mine\nfilm, movie , motion picture\n\ngood\tfine\nmovie, flick\n")
    lookup = read_synonyms(path)
    assert lookup("movie") == ("film", "motion picture", "flick")
    assert lookup("fine") == ("good",)
    assert lookup("unknown") == ()
    path.write_text("film, movie\nlonely\n")
    with pytest.raises(DataError, match="line 2: expected two words"):
        read_synonyms(path)
    path.write_text("# nothing\n")
    with pytest.raises(DataError, match="holds no synonyms"):
        read_synonyms(path)
    with pytest.raises(UsageError, match="no list of synonyms"):
        read_synonyms(tmp_path / "nothing.txt")


def test_wordnet(monkeypatch):
    """As nltk has it: meanings with lemmas, whose names have underscores; its corpus is loaded when it is asked for."""

    class Lemma:
        def __init__(self, name):
            self.name = lambda: name

    class Corpus:
        missing = False

        def ensure_loaded(self):
            if self.missing:
                raise LookupError

        def synsets(self, word):
            meanings = {"film": [["film", "movie", "motion_picture"], ["film", "cinema"]]}
            return [
                types.SimpleNamespace(lemmas=lambda names=names: map(Lemma, names)) for names in meanings.get(word, [])
            ]

    corpus = Corpus()
    module = types.ModuleType("nltk.corpus")
    module.wordnet = corpus
    monkeypatch.setitem(sys.modules, "nltk", types.ModuleType("nltk"))
    monkeypatch.setitem(sys.modules, "nltk.corpus", module)
    lookup = wordnet_synonyms()
    assert lookup("film") == ("movie", "motion picture", "cinema")
    assert lookup("xyzzy") == ()
    corpus.missing = True
    with pytest.raises(DependencyError, match=r"nltk.downloader wordnet"):
        wordnet_synonyms()
    monkeypatch.setitem(sys.modules, "nltk.corpus", None)
    with pytest.raises(DependencyError, match="pip install nltk"):
        wordnet_synonyms()


class Translator:
    """Writes words backwards, and remembers what it was given."""

    def __init__(self, mark):
        self.mark, self.seen = mark, []

    def __call__(self, texts):
        self.seen.append(list(texts))
        return ["" if "lost" in text else " ".join(text.split()[::-1]) + self.mark for text in texts]


def test_there_and_back():
    there, back = Translator(" there"), Translator(" back")
    texts = ["one two", "it is lost", "three", "four five six"]
    found = back_translate(texts, there, back, batch=3)
    assert found == ["there one two back", "back", "there three back", "there four five six back"]
    assert [len(part) for part in there.seen] == [3, 1]
    assert back.seen[1] == ["six five four there"]
    assert back_translate(["lost"], there, lambda texts: [""] * len(texts)) == ["lost"]
    with pytest.raises(DataError, match="got 2 texts and gave 1"):
        back_translate(["a", "b"], there, lambda texts: texts[:1])


def test_other_wordings():
    found = changed(Paraphrases({TEXT: "Another wording."}, 0.25), count=400)
    assert set(found) == {TEXT, "Another wording."}
    assert np.mean([text != TEXT for text in found]) == pytest.approx(0.25, abs=0.06)
    assert set(changed(Paraphrases({}), "unknown")) == {"unknown"}


def test_one_after_the_other_from_one_seed():
    change = TextChanges((SentenceShuffle(), Synonyms(GROUPS, 0.5), WordDropout(0.2)))
    found = changed(change)
    assert found == changed(change)
    assert len(set(found)) > 100
    assert TextChanges(())(TEXT, np.random.default_rng(0)) == TEXT


@pytest.mark.parametrize(
    "make", [lambda: WordDropout(1.0), lambda: Synonyms(GROUPS, 0.0), lambda: Paraphrases({}, 1.5)]
)
def test_rates_out_of_range(make):
    with pytest.raises(UsageError, match="Received"):
        make()
