"""What a recipe changes in its training texts: synonyms, words left out, sentences shuffled, other wordings."""

import json
from collections.abc import Sequence
from typing import Any

from kerasarch.data.back_translation import Paraphrases, back_translate
from kerasarch.data.synonyms import Synonyms, read_synonyms, wordnet_synonyms
from kerasarch.data.text_augment import SentenceShuffle, TextChanges, WordDropout
from kerasarch.recipe import Run
from kerasarch.runs.atomic import write_json
from kerasarch.training.text_options import TextClassificationOptions

WORDINGS = "wordings.json"
"""What came back from translation, kept in the run's folder: a resumed run takes the same."""


def training_change(run: Run, options: TextClassificationOptions, texts: Sequence[str]) -> TextChanges | None:
    """Return how training texts are changed, None where they stay as they are.

    Args:
        run: The run.
        options: The options.
        texts: The training texts, which are translated there and back once, before training.

    Raises:
        UsageError: There is no such list of synonyms or run.
        DependencyError: WordNet is missing.
    """
    changes: list[Any] = []
    if options.back_translate:
        changes.append(Paraphrases(_wordings(run, options, texts)))
    if options.shuffle_sentences:
        changes.append(SentenceShuffle())
    if options.synonyms is not None:
        lookup = wordnet_synonyms() if options.synonyms == "wordnet" else read_synonyms(options.synonyms)
        changes.append(Synonyms(lookup, options.synonym_rate))
    if options.word_dropout:
        changes.append(WordDropout(options.word_dropout))
    return TextChanges(tuple(changes)) if changes else None


def _wordings(run: Run, options: TextClassificationOptions, texts: Sequence[str]) -> dict[str, str]:
    kept = run.dir / WORDINGS
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    from kerasarch.runs.text_translator import open_translator

    there, back = (open_translator(name, run.dir.parent.parent) for name in options.back_translate)
    different = list(dict.fromkeys(texts))
    run.say(f"back-translation: {len(different):,} texts there and back")
    found = dict(zip(different, back_translate(different, there, back), strict=True))
    write_json(kept, found)
    return found
