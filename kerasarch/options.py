"""Options: how a recipe's signature becomes a command line, and how a value is read and judged.

An option is one keyword parameter. Its annotation says what is accepted (``int``, ``float``, ``bool``, ``str``,
``Path``, ``Literal``, ``X | None``, ``tuple[X, ...]``, ``Annotated`` bounds); its default, when there is one, is used
when nothing is given; its text is the parameter's entry under ``Args:`` in the docstring. One parameter may be a
dataclass: its fields become options of their own, which is how several recipes share a set of options.
"""

import dataclasses
import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types

from kerasarch.errors import PluginError, UsageError

SCALARS: tuple[type, ...] = (bool, int, float, str, Path)
REQUIRED: Any = inspect.Parameter.empty
"""The default of an option that must be given."""

_BOUNDS = {
    annotated_types.Ge: ("ge", ">=", lambda value, bound: value >= bound),
    annotated_types.Gt: ("gt", ">", lambda value, bound: value > bound),
    annotated_types.Le: ("le", "<=", lambda value, bound: value <= bound),
    annotated_types.Lt: ("lt", "<", lambda value, bound: value < bound),
}

_WORDS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a recipe.

    Args:
        name: The parameter's name, with underscores.
        type: What one value is: one of `SCALARS`.
        default: Value when none is given, or `REQUIRED`.
        text: What it means, for a person.
        choices: The accepted values, or none for any.
        bounds: Pairs of a comparison sign and a number.
        optional: Whether ``None`` is accepted (typed as ``none``).
        many: Whether it takes several values (typed with commas).
        field_of: Name of the dataclass parameter that it is a field of, if any.
    """

    name: str
    type: type
    default: Any = REQUIRED
    text: str = ""
    choices: tuple[Any, ...] = ()
    bounds: tuple[tuple[str, float], ...] = ()
    optional: bool = False
    many: bool = False
    field_of: str | None = None

    @property
    def flag(self) -> str:
        """The name on the command line, such as ``--learning-rate``."""
        return "--" + self.name.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED

    @property
    def accepts(self) -> str:
        """What is accepted, in words: ``a whole number >= 1``."""
        if self.choices:
            words = ", ".join(str(choice) for choice in self.choices)
            words = f"one of {words}" if len(self.choices) > 1 else words
        else:
            words = {
                bool: "true or false",
                int: "a whole number",
                float: "a number",
                str: "text",
                Path: "a path",
            }[self.type]
            words += "".join(f"{' and' if i else ''} {sign} {bound:g}" for i, (sign, bound) in enumerate(self.bounds))
        if self.many:
            words = f"values separated by commas, each {words}"
        return f"{words}, or none" if self.optional else words

    def read(self, value: Any) -> Any:
        """Turn text or a Python value into the option's value.

        Args:
            value: Text as typed, or a value from Python, JSON or TOML.

        Raises:
            UsageError: The value is not accepted; the message names the option, the value and what would be.
        """
        if value is None or (self.optional and isinstance(value, str) and value.lower() == "none"):
            if self.optional:
                return None
            raise self._refuse(value)
        if not self.many:
            return self._read_one(value, value)
        items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise self._refuse(value)
        return tuple(self._read_one(item, value) for item in items)

    def _read_one(self, item: Any, whole: Any) -> Any:
        if self.choices:
            for choice in self.choices:
                if str(item) == str(choice):
                    return choice
            raise self._refuse(whole)
        try:
            result = _convert(item, self.type)
        except (TypeError, ValueError, OverflowError):
            raise self._refuse(whole) from None
        for sign, bound in self.bounds:
            test = next(test for _, known, test in _BOUNDS.values() if known == sign)
            if not test(result, bound):
                raise self._refuse(whole)
        return result

    def _refuse(self, value: Any) -> UsageError:
        shown = value if isinstance(value, str) else repr(value)
        return UsageError(f"{self.flag}: received {shown}, expected {self.accepts}.")


def _convert(item: Any, kind: type) -> Any:
    if kind is bool:
        if isinstance(item, bool):
            return item
        return _WORDS[item.lower()] if isinstance(item, str) and item.lower() in _WORDS else _wrong()
    if kind is Path:
        return Path(item).expanduser() if isinstance(item, (str, Path)) and str(item) else _wrong()
    if kind is str:
        return item if isinstance(item, str) else str(item) if isinstance(item, (Path, int, float)) else _wrong()
    if isinstance(item, bool):
        return _wrong()
    if kind is int:
        return int(item) if not isinstance(item, float) or item.is_integer() else _wrong()
    number = float(item)
    return number if math.isfinite(number) else _wrong()


def _wrong() -> Any:
    raise ValueError


def as_typed(value: Any) -> str:
    """Write an option's value as it would be typed."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)


def options_of(function: Callable[..., Any], texts: Mapping[str, str]) -> dict[str, Option]:
    """Read the options from a recipe's signature.

    Args:
        function: The recipe: its first parameter is the run, all others are keyword-only.
        texts: The docstring's text for each parameter.

    Returns:
        The options by name, in the order of the signature; a dataclass stands flattened in its place.

    Raises:
        PluginError: The signature is not one that a recipe may have; the message names the parameter.
    """
    parameters = list(inspect.signature(function).parameters.values())
    where = f"recipe {getattr(function, '__name__', function)!r}"
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise PluginError(f"{where}: its first parameter must be the run: def {function.__name__}(run: Run, *, ...).")
    hints = _hints(function, where)
    options: dict[str, Option] = {}
    for parameter in parameters[1:]:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise PluginError(f"{where}: parameter {parameter.name!r} must be keyword-only: put it after a bare *.")
        hint = hints.get(parameter.name, type(parameter.default) if type(parameter.default) in SCALARS else str)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            found = _fields_of(hint, parameter, where)
        else:
            found = [option_of(parameter.name, hint, parameter.default, texts.get(parameter.name, ""), where)]
        for option in found:
            if option.name in options:
                raise PluginError(f"{where}: option {option.flag} is defined twice.")
            options[option.name] = option
    for option in options.values():
        if option.type is bool and f"no_{option.name}" in options:
            raise PluginError(f"{where}: --no-{option.flag[2:]} would mean two things. Rename no_{option.name}.")
    return options


def _hints(owner: Any, where: str) -> dict[str, Any]:
    try:
        return get_type_hints(owner, include_extras=True)
    except Exception as error:  # an annotation is any expression, and may raise anything
        raise PluginError(
            f"{where}: its annotations cannot be read: {type(error).__name__}: {error}. Import what they name at "
            "module level, outside `if TYPE_CHECKING`."
        ) from error


def _fields_of(kind: type, parameter: inspect.Parameter, where: str) -> list[Option]:
    from kerasarch.docstrings import arguments

    # The texts of inherited fields stand in the base's docstring.
    texts = {
        name: text for base in reversed(kind.__mro__) for name, text in arguments(vars(base).get("__doc__")).items()
    }
    hints = _hints(kind, where)
    default = parameter.default
    options = []
    for field in dataclasses.fields(kind):
        if default is not REQUIRED:
            value = getattr(default, field.name)
        elif field.default is not dataclasses.MISSING:
            value = field.default
        else:
            value = field.default_factory() if field.default_factory is not dataclasses.MISSING else REQUIRED
        option = option_of(field.name, hints[field.name], value, texts.get(field.name, ""), where)
        options.append(dataclasses.replace(option, field_of=parameter.name))
    return options


def option_of(name: str, hint: Any, default: Any, text: str, where: str) -> Option:
    """Make one option from a parameter's annotation.

    Raises:
        PluginError: The annotation is not one that an option may have.
    """
    bounds: list[tuple[str, float]] = []

    def peel(hint: Any) -> Any:
        while get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            for extra in extras:
                parts = extra if isinstance(extra, annotated_types.GroupedMetadata) else [extra]
                for part in parts:
                    if type(part) in _BOUNDS:
                        attribute, sign, _ = _BOUNDS[type(part)]
                        bounds.append((sign, getattr(part, attribute)))
        return hint

    optional = many = False
    choices: tuple[Any, ...] = ()
    hint = peel(hint)
    if get_origin(hint) in (Union, types.UnionType):
        rest = [argument for argument in get_args(hint) if argument is not types.NoneType]
        optional = len(rest) < len(get_args(hint))
        hint = peel(rest[0]) if len(rest) == 1 else hint
    if get_origin(hint) is tuple and len(get_args(hint)) == 2 and get_args(hint)[1] is Ellipsis:
        many, hint = True, peel(get_args(hint)[0])
    if get_origin(hint) is Literal:
        choices = tuple(choice for choice in get_args(hint) if choice is not None)
        optional |= len(choices) < len(get_args(hint))
        hint = type(choices[0]) if choices else hint
    if hint not in SCALARS:
        raise PluginError(
            f"{where}: parameter {name!r} is annotated {hint}, which no option can be. Use int, float, bool, str, "
            "Path, Literal, X | None, tuple[X, ...], Annotated bounds, or one dataclass."
        )
    option = Option(name, hint, default, text, choices, tuple(bounds), optional, many)
    if option.required:
        return option
    try:
        return dataclasses.replace(option, default=option.read(default))
    except UsageError as error:
        raise PluginError(f"{where}: the default of {error}") from None


def bind(options: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Read values for options and fill in the defaults.

    Args:
        options: The options by name.
        values: What was given, by option name.

    Returns:
        A value for every option.

    Raises:
        UsageError: A name is unknown, a value is not accepted, or a required option is missing.
    """
    for name in values:
        if name not in options:
            raise UsageError(f"unknown option --{name.replace('_', '-')}.{did_you_mean(name, options)}")
    missing = [option.flag for option in options.values() if option.required and option.name not in values]
    if missing:
        raise UsageError(f"missing {', '.join(missing)}: no default exists, so a value must be given.")
    return {name: option.read(values[name]) if name in values else option.default for name, option in options.items()}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known words, with a space before it, or nothing."""
    import difflib

    def alike(other: str) -> float:
        return difflib.SequenceMatcher(None, word.lower().strip("-"), other.lower().strip("-")).ratio()

    ranked = sorted(((alike(str(name)), str(name)) for name in known), key=lambda pair: (-pair[0], pair[1]))
    near = [name for score, name in ranked[:3] if score >= max(0.6, ranked[0][0] - 0.15)]
    return f" Did you mean {' or '.join(near)}?" if near else ""
