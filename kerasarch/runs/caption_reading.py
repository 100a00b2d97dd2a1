"""What a captioned data set needs before training: a tokenizer that was learned from it, and a fresh text encoder."""

from typing import Any

from kerasarch.errors import UsageError
from kerasarch.recipe import Run
from kerasarch.runs.diffusion import Captions
from kerasarch.runs.drawing import Pictures


def captions_of(run: Run, pictures: Pictures) -> Captions:
    """Learn a tokenizer from the captions of the pictures that are learned from.

    Args:
        run: The run.
        pictures: The pictures, with captions.

    Raises:
        DependencyError: The package ``tokenizers`` is missing.
    """
    from kerasarch import models

    assert pictures.captions is not None
    known = [pictures.captions[label] for label in pictures.train.labels]
    tokenizer = models.CLIPTokenizer.learn(known)
    run.say(
        f"captions: {len(set(known)):,} different ones of {len(known):,} pictures, {len(tokenizer)} tokens, "
        f"{tokenizer.length} a caption at most"
    )
    return Captions(tokenizer, tokenizer(pictures.captions)["input_ids"])


def check_text_width(width: int) -> None:
    """Refuse a width that no text encoder has, before anything is trained.

    Args:
        width: Channels of a token.

    Raises:
        UsageError: The width is no multiple of 8.
    """
    if width % 8:
        raise UsageError(f"--text-width: received {width}, expected a multiple of 8.")


def text_encoder_of(captions: Captions, width: int, depth: int) -> Any:
    """Return a text encoder with fresh weights, with a head for 32 channels, or for more where these do not divide it.

    Args:
        captions: What it reads.
        width: Channels of a token, a multiple of 8.
        depth: Blocks.

    Raises:
        UsageError: The width is no multiple of 8.
    """
    from kerasarch import models

    check_text_width(width)
    heads = next(count for count in range(max(width // 32, 1), 0, -1) if width % count == 0)
    tokenizer = captions.tokenizer
    return models.clip_text(
        models.CLIPTextConfig(
            len(tokenizer), width, depth, heads=heads, hidden=4 * width, positions=tokenizer.length,
            activation="gelu", start=tokenizer.start, end=tokenizer.end, padding=tokenizer.padding,
        )
    )  # fmt: skip
