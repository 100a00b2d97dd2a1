"""Numbers, dates and times of day in English and German words: pairs of sentences that need no download.

They are made by rules, without an error and without the variety of a real text. As a task of translation they are not
trivial: German joins the words of a number and names the units before the tens ("vierundzwanzig" for "twenty-four"),
counts years up to 1999 in hundreds, and tells the time from the next hour ("halb acht" for "half past seven").
"""

import numpy as np

COUNT = 6_000
"""Pairs that are made."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DIGITS = {
    "en": _words(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ),
    "de": _words(
        "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn"
    ),
}
TENS = {
    "en": _words("twenty thirty forty fifty sixty seventy eighty ninety"),
    "de": _words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"),
}
DAYS = {
    "en": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "de": _words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
}
MONTHS = {
    "en": _words("January February March April May June July August September October November December"),
    "de": _words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
}
ENGLISH_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
GERMAN_ORDINALS = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}
PARTS_OF_DAY = (("at night", "nachts", 5), ("in the morning", "morgens", 12), ("in the afternoon", "nachmittags", 18),
                ("in the evening", "abends", 24))  # fmt: skip
"""English, German, and the hour that ends it."""


def number_phrases(count: int = COUNT, seed: int = 0) -> list[tuple[str, str]]:
    """Make pairs of an English and a German phrase; no English one is there twice.

    Args:
        count: Pairs.
        seed: Same seed, same pairs.
    """
    rng = np.random.default_rng([seed, 0x9A4A5E])
    kinds = (_some_number, _some_date, _some_time)
    found: dict[str, str] = {}
    while len(found) < count:
        english, german = kinds[rng.choice(3, p=(0.45, 0.4, 0.15))](rng)
        found.setdefault(english, german)
    return list(found.items())


def english_number(number: int) -> str:
    """Return a number below a million in English words."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        joined = " and " if 0 < rest < 100 else " "
        return f"{english_number(thousands)} thousand" + (joined + english_number(rest) if rest else "")
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        return f"{DIGITS['en'][hundreds]} hundred" + (f" and {english_number(rest)}" if rest else "")
    if number < 20:
        return DIGITS["en"][number]
    tens, units = divmod(number, 10)
    return TENS["en"][tens - 2] + (f"-{DIGITS['en'][units]}" if units else "")


def german_number(number: int, *, last: bool = True) -> str:
    """Return a number below a million in German words.

    Args:
        number: The number.
        last: Whether nothing follows: a one at the end is "eins".
    """
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        return f"{german_number(thousands, last=False)}tausend" + (german_number(rest, last=last) if rest else "")
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        return f"{DIGITS['de'][hundreds]}hundert" + (german_number(rest, last=last) if rest else "")
    if number < 20:
        return "eins" if number == 1 and last else DIGITS["de"][number]
    tens, units = divmod(number, 10)
    return (f"{DIGITS['de'][units]}und" if units else "") + TENS["de"][tens - 2]


def english_ordinal(number: int) -> str:
    """Return the ordinal of a number below 100 in English words."""
    before, dash, last = english_number(number).rpartition("-")
    if last.endswith("y"):
        return f"{before}{dash}{last[:-1]}ieth"
    return f"{before}{dash}{ENGLISH_ORDINALS.get(last, f'{last}th')}"


def german_ordinal(number: int) -> str:
    """Return the ordinal of a number below 100 in German words, weak and in the nominative."""
    return GERMAN_ORDINALS.get(number) or german_number(number) + ("te" if number < 20 else "ste")


def year_in_words(year: int) -> tuple[str, str]:
    """Return a year from 1100 to 2099 in English and German words."""
    hundreds, rest = divmod(year, 100)
    if 2000 <= year < 2010:
        return english_number(year), german_number(year)
    tail = "hundred" if not rest else f"oh {DIGITS['en'][rest]}" if rest < 10 else english_number(rest)
    german = german_number(year) if year >= 2000 else f"{german_number(hundreds, last=False)}hundert"
    if year < 2000 and rest:
        german += german_number(rest)
    return f"{english_number(hundreds)} {tail}", german


def time_in_words(hour: int, minute: int) -> tuple[str, str]:
    """Return a time of day in English and German words.

    Args:
        hour: From 0 to 23.
        minute: A multiple of five.
    """
    english_part, german_part = next((here, there) for here, there, end in PARTS_OF_DAY if hour < end)
    now, after = (hour - 1) % 12 + 1, hour % 12 + 1
    hours = {"en": [english_number(one) for one in (now, after)], "de": [german_number(one) for one in (now, after)]}
    if minute == 0:
        return f"{hours['en'][0]} o'clock {english_part}", f"{german_number(now, last=False)} Uhr {german_part}"
    english = {15: f"a quarter past {hours['en'][0]}", 30: f"half past {hours['en'][0]}",
               45: f"a quarter to {hours['en'][1]}"}  # fmt: skip
    german = {15: f"Viertel nach {hours['de'][0]}", 20: f"zwanzig nach {hours['de'][0]}", 30: f"halb {hours['de'][1]}",
              40: f"zwanzig vor {hours['de'][1]}", 45: f"Viertel vor {hours['de'][1]}"}  # fmt: skip
    if minute < 30:
        usual = f"{english_number(minute)} past {hours['en'][0]}"
    else:
        usual = f"{english_number(60 - minute)} to {hours['en'][1]}"
    nearest = min((0, 30, 60), key=lambda mark: abs(mark - minute))
    mark = {0: hours["de"][0], 30: f"halb {hours['de'][1]}", 60: hours["de"][1]}[nearest]
    way = "vor" if minute < nearest else "nach"
    german_usual = f"{german_number(abs(minute - nearest))} {way} {mark}"
    return f"{english.get(minute, usual)} {english_part}", f"{german.get(minute, german_usual)} {german_part}"


def _some_number(rng: np.random.Generator) -> tuple[str, str]:
    digits = int(rng.integers(2, 7))
    number = int(rng.integers(10 ** (digits - 1), 10**digits))
    return english_number(number), german_number(number)


def _some_date(rng: np.random.Generator) -> tuple[str, str]:
    weekday, month, day = int(rng.integers(7)), int(rng.integers(12)), int(rng.integers(1, 29))
    english_year, german_year = year_in_words(int(rng.integers(1100, 2100)))
    return (
        f"{DAYS['en'][weekday]}, the {english_ordinal(day)} of {MONTHS['en'][month]} {english_year}",
        f"{DAYS['de'][weekday]}, der {german_ordinal(day)} {MONTHS['de'][month]} {german_year}",
    )


def _some_time(rng: np.random.Generator) -> tuple[str, str]:
    english, german = time_in_words(int(rng.integers(24)), 5 * int(rng.integers(12)))
    weekday = int(rng.integers(7))
    return f"on {DAYS['en'][weekday]} at {english}", f"am {DAYS['de'][weekday]} um {german}"
