"""Train a text encoder to guess hidden tokens.

Papers: Devlin et al., 2019, section 3.1 (https://arxiv.org/abs/1810.04805); Liu et al., 2019, section 4
(https://arxiv.org/abs/1907.11692); going on with trained weights: Gururangan et al., 2020, section 3
(https://arxiv.org/abs/2004.10964); pseudo-perplexity: Salazar et al., 2020 (https://arxiv.org/abs/1910.14659).
"""

from kerasarch.recipe import Run, recipe
from kerasarch.training import Family, MaskedLanguageOptions


@recipe(task="language-modelling", data="the standard library's source", expect={"accuracy": ">=0.15"})
def pretrain_mlm(
    run: Run,
    *,
    model: Family = "bert",
    options: MaskedLanguageOptions = MaskedLanguageOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a text encoder to guess hidden tokens.

    A tokenizer is learned from the text, then an encoder with fresh weights reads passages of it in which 15 % of the
    tokens are to be guessed; others are drawn each time. The report sets its guesses beside counts of tokens. The
    folder encoder/ in the run's holds model and tokenizer in Hugging Face layout: finetune-text --weights RUN goes on
    from it, as do from_pretrained and transformers.

    With --weights a trained encoder goes on learning on a text of its later field.

    Choose it where there is much text and little of it has labels.

    Args:
        model: Family of a new encoder.
    """
    from kerasarch.runs.masked_language import load_masked, train_masked

    return train_masked(run, load_masked(run, options, model), options)
