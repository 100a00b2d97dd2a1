"""What a docstring says: its summary, its further paragraphs and the text of each argument."""

import inspect


def summary(text: str | None) -> str:
    """Return the first line of a docstring, without a closing full stop."""
    lines = inspect.cleandoc(text or "").splitlines()
    return lines[0].strip().removesuffix(".") if lines else ""


def paragraphs(text: str | None) -> str:
    """Return what stands between a docstring's first line and its first section."""
    import docstring_parser

    parsed = docstring_parser.parse(inspect.cleandoc(text or ""), docstring_parser.DocstringStyle.GOOGLE)
    return (parsed.long_description or "").strip()


def arguments(text: str | None) -> dict[str, str]:
    """Return the text of each entry under ``Args:``, on one line each."""
    import docstring_parser

    parsed = docstring_parser.parse(inspect.cleandoc(text or ""), docstring_parser.DocstringStyle.GOOGLE)
    return {entry.arg_name: " ".join((entry.description or "").split()) for entry in parsed.params}
