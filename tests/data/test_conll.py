"""Tagged sentences: columns, schemes, parts, errors that name the line, the bundled statements, WNUT-17."""

import pytest

from kerasarch.data.conll import bio, load_conll, read_conll
from kerasarch.data.tagged_code import tagged_statements
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("O B-x I-x O", "O B-x I-x O"),
        ("I-x I-x O I-x B-x I-y", "B-x I-x O B-x B-x B-y"),  # IOB1: B where a span follows one of its kind
        ("S-x S-x B-x E-x B-y I-y E-y", "B-x B-x B-x I-x B-y I-y I-y"),  # BIOES
        ("U-x B-x L-x O U-y", "B-x B-x I-x O B-y"),  # BILOU
        ("E-x E-x M-y", "B-x B-x B-y"),  # damaged: what ends a span begins one where none is open
    ],
)
def test_schemes(given, wanted):
    assert bio(given.split()) == wanted.split()


def test_columns(tmp_path):
    """CoNLL-2003: four columns and marks of documents; WNUT-17: tabs, and a lone tab between sentences."""
    file = tmp_path / "a.conll"
    file.write_text("-DOCSTART- -X- -X- O\n\nEU NNP B-NP I-ORG\nrejects VBZ B-VP O\n\n\nPeter NNP B-NP I-PER\n")
    assert read_conll(file) == [(("EU", "rejects"), ("B-ORG", "O")), (("Peter",), ("B-PER",))]
    file.write_bytes("Caf\u00e9\tB-location\r\n\t\r\n#tag\tO\nNew York\tB-location".encode())
    assert read_conll(file) == [(("Caf\u00e9",), ("B-location",)), (("#tag", "New York"), ("O", "B-location"))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\n\nb O\nc\n", r"line 4: expected a word and its tag in columns. Received 'c'"),
        ("a O\n\nb O\nc Q-x\n", r"line 4: the tag 'Q-x' is not understood"),
        ("a O\nb B-\n", r"line 2: the tag 'B-'"),
    ],
)
def test_errors_name_the_line(text, message, tmp_path):
    file = tmp_path / "a.conll"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_conll(file)


def test_parts_of_a_folder(tmp_path):
    for name, tag in (("train", "B-a"), ("my.dev", "B-a"), ("notes", "no tags here")):
        (tmp_path / f"{name}.conll").write_text("".join(f"w{number} {tag}\n\n" for number in range(10)))
    splits = load_conll(tmp_path, test=0.3)
    assert splits.labels == ("O", "B-a", "I-a")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [7, 10, 3]
    assert not set(splits.train.words) & set(splits.test.words)
    assert load_conll(tmp_path, test=0.3).test.words == splits.test.words
    assert load_conll(tmp_path, test=0.3, seed=1).test.words != splits.test.words


def test_what_is_refused(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'code'"):
        load_conll("coda")
    with pytest.raises(DataError, match="no file with train, dev or test"):
        load_conll(tmp_path)
    (tmp_path / "train.txt").write_text("a O\n\nb O\n")
    with pytest.raises(DataError, match="nothing is marked"):
        load_conll(tmp_path)


def test_the_bundled_statements():
    splits = load_conll("code")
    assert splits.labels[1::2] == ("B-argument", "B-class", "B-function", "B-module")
    assert min(len(part) for part in (splits.train, splits.validation, splits.test)) > 100
    assert {tag for tags in splits.test.tags for tag in tags} == set(splits.labels) - {"I-argument"}


def test_names_in_a_program():
    source = (
        "class Dog(zoo.Animal, metaclass=Meta):\n"
        "    def bark(self):\n"
        "        'Ä'; self.voice.play(sound('wau'), volume = 3)\n"
        "from os.path import join  # a comment\n"
        "import xml.dom, sys\n"
        "x = 1\n"
        "(lambda: f)()(g(y)[1])\n"
    )
    marked = [
        " ".join(f"{word}/{tag}" if tag != "O" else word for word, tag in zip(words, tags, strict=True))
        for words, tags in tagged_statements(source)
    ]
    assert marked == [
        "class Dog/B-class ( zoo/B-class ./I-class Animal/I-class , metaclass = Meta ) :",
        "def bark ( self ) :",
        "'Ä' ; self/B-function ./I-function voice/I-function ./I-function play/I-function ( sound/B-function ( 'wau' ) "
        ", volume/B-argument = 3 )",
        "from os/B-module ./I-module path/I-module import join",
        "import xml/B-module ./I-module dom/I-module , sys/B-module",
        "( lambda : f ) ( ) ( g/B-function ( y ) [ 1 ] )",
    ]


def test_wnut17(shared_data):
    """Sentences, tokens and entities as the authors count them."""
    from kerasarch.metrics import spans_of

    splits = load_conll(shared_data / "wnut17")
    counted = [
        (len(part), sum(map(len, part.words)), sum(len(spans_of(tags)) for tags in part.tags))
        for part in (splits.train, splits.validation, splits.test)
    ]
    assert counted == [(3394, 62730, 1975), (1009, 15733, 836), (1287, 23394, 1079)]
    kinds = ["corporation", "creative-work", "group", "location", "person", "product"]
    assert [label[2:] for label in splits.labels[1::2]] == kinds
