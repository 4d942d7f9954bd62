"""The characters that people type, paste or are given by keyboards, as the few of the grammar.

Each becomes exactly one, so that a place in the text stays that place. Not by NFKC for all of them:
it would make 22 of a 2 with a superscript 2.
"""

from __future__ import annotations

import unicodedata

NO_BREAK_SPACE = "\u00a0"  # it stands within numbers: 1 000
SAME = {
    **dict.fromkeys("−–—‐‑‒﹣－➖", "-"),
    **dict.fromkeys("＋﹢➕", "+"),
    **dict.fromkeys("×✕✖⨯·⋅∙∗＊•хХ", "*"),  # the last two are Cyrillic
    **dict.fromkeys("÷∕⁄➗／", "/"),
    **dict.fromkeys("\u2009\u202f\u2007", NO_BREAK_SPACE),
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u061c\ufe0e\ufe0f", " "),
    **dict.fromkeys("（⟮❨", "("),
    **dict.fromkeys("）⟯❩", ")"),
    **dict.fromkeys("，،﹐", ","),
    **dict.fromkeys("％٪﹪", "%"),
    **dict.fromkeys("＝﹦", "="),
    **dict.fromkeys("’ʼ＇٬", "'"),
    **dict.fromkeys("≤⩽≦", "≤"),
    **dict.fromkeys("≥⩾≧", "≥"),
    **dict.fromkeys("º˚", "°"),
    **dict.fromkeys("｜∣", "|"),
    "［": "[",
    "］": "]",
    "｛": "{",
    "｝": "}",
    "＜": "<",
    "＞": ">",
    "！": "!",
    "？": "?",
    "＾": "^",
    "＄": "$",
    "￡": "£",
    "￥": "¥",
    "٫": ".",
    "．": ".",
    "＿": "_",
}
LETTERS = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "ϵ": "epsilon",
    "θ": "theta",
    "ϑ": "theta",
    "λ": "lambda",
    "μ": "mu",
    "ρ": "rho",
    "σ": "sigma",
    "ω": "omega",
    "π": "pi",
    "τ": "tau",
    "φ": "phi",
    "ϕ": "phi",
    "∞": "oo",
}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
FRACTIONS = {
    character: unicodedata.normalize("NFKC", character).replace("\u2044", "/")
    for character in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
}
CURRENCIES = "$€£¥₹₽₩₺₴₫฿₪₱₦₿"

_BITS = "Operators for bits and for logic are not known here."
_UNITS = "Units of temperature are not known here."
_FORMS = "Write sum(k^2, k, 1, 10), product(k, k, 1, 5), integrate(x^2, x, 0, 1), diff(x^2, x)."
HINTS = {
    **dict.fromkeys("&~⊕∧∨¬", _BITS),
    **dict.fromkeys("℃℉", _UNITS),
    **dict.fromkeys("∑Σ∏Π∫∂∇", _FORMS),
    **dict.fromkeys("±∓", "It stands for two answers: calculate each by itself."),
    **dict.fromkeys("≈≃≅≡", "Write = to compare."),
    ":": "For a ratio write /. Times of day are not known here.",
    ";": "One expression is calculated at a time.",
    "¢": "Write an amount in one currency: 0.50.",
    "₌": "Write = to compare.",
}


def plain(text: str) -> str:
    """Write the text with the grammar's characters, one for one."""
    return "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character in SAME:
        return SAME[character]
    if character.isascii() or character in LETTERS:
        return character
    category = unicodedata.category(character)
    if category == "Nd":  # the digits of any script
        return str(unicodedata.decimal(character))
    if category in ("Ll", "Lu"):  # 𝑥 and ｘ; not ⁿ, which is a modifier (Lm)
        letter = unicodedata.normalize("NFKC", character)
        return letter if len(letter) == 1 and (letter.isascii() or letter in LETTERS) else character
    return character


def shown(character: str) -> str:
    """Name a character in an error, also one that cannot be seen or stored."""
    return character if character.isprintable() else f"U+{ord(character):04X}"
