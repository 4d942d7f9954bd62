"""Texts for the repetition guard: loops that must be ended, and texts that must not be.

Loops are written here, or were written by the embedded model (`data/loops.json`, each with the
place where it begins to repeat itself). The others are made of what every machine has (Python's
manual and library), of verses in the public domain, and of forms with much repetition by nature.
"""

from __future__ import annotations

import base64
import inspect
import json
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from pydoc_data import topics

DATA = Path(__file__).parent / "data"
LONG_ENOUGH = 4000  # characters of a loop


def _words(text: str) -> list[str]:
    return text.split()


MODULES = _words(
    "abc argparse ast base64 bisect calendar cmd codecs collections colorsys configparser copy csv "
    "dataclasses datetime decimal difflib dis enum fnmatch fractions ftplib functools getopt glob "
    "graphlib gzip hashlib heapq html imaplib inspect ipaddress keyword locale mimetypes nntplib "
    "ntpath numbers opcode operator optparse os pdb pickle platform poplib pprint profile random "
    "sched secrets shelve shlex smtplib socket sre_constants stat statistics string struct "
    "symtable tarfile textwrap this token tokenize trace turtle types typing uuid warnings zipfile"
)


@dataclass(frozen=True)
class Loop:
    """A text that repeats itself from character `begin` on."""

    name: str
    text: str
    begin: int


# --- Loops ---------------------------------------------------------------------------------------

BEFORE = (
    "Here is what you asked for. The first part explains what it is about, and the second part "
    "lists the details one by one, so that you can go through them at your own pace.\n\n"
)
TURNS = {
    "a word": "very ",
    "a word with a comma": "red, ",
    "two words": "my love ",
    "a letter": "a",
    "a syllable": "ha",
    "a line of one word": "Yes\n",
    "a sentence": "The sea is calm tonight. ",
    "a question": "Is there anything else I can help you with? ",
    "a phrase with no end": "and then he went to the market to buy some bread, ",
    "two sentences in turn": "I am sure that it is true. You say that it cannot be so. ",
    "a dialogue": "A: How are you?\nB: I am fine, and you?\nA: I am fine, too.\n",
    "a paragraph": "The city lies on a river that comes down from the mountains. It has a castle, "
    "a market and two bridges. In summer people sit on the banks until late at night, and in "
    "winter they skate there.\n\n",
    "a long paragraph": "Recursion is a technique in which a function calls itself with a "
    "smaller part of the problem, until what is left is so small that it can be solved at once. "
    "It is often used for trees and lists, whose parts are trees and lists again. Each call has "
    "variables of its own, which are kept on the stack until the call returns its result to the "
    "one before.\n\n",
    "a bullet": "- Drink enough water during the day\n",
    "a bullet of one word": "* Red\n",
    "bullets in turn": "- Apples\n- Pears\n- Plums\n- Grapes\n",
    "a heading": "## Conclusion\n\n",
    "a row of a table": "| Banana | Yellow | 3 |\n",
    "an empty row of a table": "| | | | |\n",
    "a wide row of a table": "| 2021 | Berlin | Germany | 3,645,000 | 891.8 | on the Spree |\n",
    "a line of code": 'print("Hello, world!")\n',
    "an indented line of code": "        self.value = self.value + 1\n",
    "a function": "def add(a, b):\n    return a + b\n\n\n",
    "an import": "import numpy as np\n",
    "a closing bracket": "}\n",
    "a tag": "<div class='row'>",
    "nested lists": "[[",
    "a line of JSON": '  {"name": "Anna", "age": 31},\n',
    "an escape": "\\n",
    "spaces": " ",
    "empty lines": "\n",
    "empty lines with blanks": "    \n",
    "dashes": "-",
    "dots": ". ",
    "exclamation marks": "!",
    "a digit": "3",
    "digits in turn": "142857",
    "zeros in a list": "0, ",
    "numbers in turn": "1, 2, 3, 4, ",
    "a sum": "= 2 + 2 ",
    "an emoji": "\U0001f600",
    "a sum in TeX": "\\frac{1}{2} + ",
    "Chinese": "我们今天去公园散步。",
    "Japanese": "ありがとうございます。",
    "Thai": "สวัสดีครับ",
    "Korean": "안녕하세요. ",
    "Russian": "Я не знаю, что сказать. ",
    "Arabic": "السلام عليكم ورحمة الله. ",
    "Hindi": "मुझे यह पसंद है। ",
    "Greek": "Δεν ξέρω τι να πω. ",
    "French": "Paris est la capitale de la France. ",
    "thinking aloud": "Wait, let me check that again. Hmm, 17 times 23 is 391. ",
}
COUNTED = {
    "a list item": "{n}. Cats are the only animals that can purr.\n",
    "a short list item": "{n}. Red\n",
    "a list item in bold": "{n}) **Be kind**: Always be kind to the people around you.\n",
    "a heading with a number": "### Step {n}\n\nMix the ingredients well and let them rest.\n\n",
    "a row with a number": "| {n} | Blueberry | Blue |\n",
    "a paragraph with a number": "In chapter {n} the hero goes into the forest once more, meets "
    "the old woman at the well, and asks her for the way to the castle. She does not answer.\n\n",
    "a year": "In {year}, he was awarded the prize for the best film of the season.\n",
    "a number that jumps": "The train to Hamburg leaves from platform {jump} as soon as it can.\n",
}


def loops() -> Iterator[Loop]:
    """All loops: written ones, counted ones, and those of the embedded model."""
    for name, turn in TURNS.items():
        yield Loop(name, BEFORE + turn * (LONG_ENOUGH // len(turn)), len(BEFORE) + len(turn))
    for name, form in COUNTED.items():
        turns = [form.format(n=n, year=1900 + n, jump=n * n * 7 % 31) for n in range(1, 500)]
        yield Loop(name, BEFORE + "".join(turns), len(BEFORE) + len(turns[0]))
    for entry in json.loads((DATA / "loops.json").read_text()):
        yield Loop(
            f"model at {entry['temperature']}: {entry['prompt']}", entry["text"], entry["begin"]
        )


# --- Texts ---------------------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, str]]:
    """All texts that must not be ended, by name."""
    yield from _manual()
    yield from _library()
    for name, text in VERSES.items():
        yield f"verse: {name}", text
    yield from _songs()
    yield from _numbers()
    yield from _tables()
    yield from _data()
    yield from _code()
    yield from _drawings()
    yield from _prose()


def _manual() -> Iterator[tuple[str, str]]:
    for name in sorted(topics.topics)[:60]:
        yield f"manual: {name}", topics.topics[name]


def _library() -> Iterator[tuple[str, str]]:
    folder = Path(sysconfig.get_path("stdlib"))
    for name in MODULES:
        for path in (folder / f"{name}.py", folder / name / "__init__.py"):
            if path.is_file():
                yield f"code: {name}", path.read_text(encoding="utf-8", errors="replace")[:12_000]


VERSES = {
    "Row, row, row your boat": (
        "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\n"
        "Life is but a dream.\n\n"
    )
    * 3,
    "Frère Jacques": (
        "Frère Jacques, Frère Jacques,\nDormez-vous? Dormez-vous?\n"
        "Sonnez les matines! Sonnez les matines!\nDing, dang, dong. Ding, dang, dong.\n\n"
    )
    * 2,
    "London Bridge": "".join(
        f"{what},\n{short}, {short},\n{what},\nMy fair lady.\n\n"
        for what, short in (
            ("London Bridge is falling down", "Falling down"),
            ("Build it up with wood and clay", "Wood and clay"),
            ("Wood and clay will wash away", "Wash away"),
            ("Build it up with bricks and mortar", "Bricks and mortar"),
            ("Bricks and mortar will not stay", "Will not stay"),
            ("Build it up with iron and steel", "Iron and steel"),
            ("Iron and steel will bend and bow", "Bend and bow"),
            ("Build it up with silver and gold", "Silver and gold"),
        )
    ),
    "Twinkle, twinkle": (
        "Twinkle, twinkle, little star,\nHow I wonder what you are!\nUp above the world so high,\n"
        "Like a diamond in the sky.\nTwinkle, twinkle, little star,\nHow I wonder what you are!\n\n"
        "When the blazing sun is gone,\nWhen he nothing shines upon,\nThen you show your little "
        "light,\nTwinkle, twinkle, all the night.\nTwinkle, twinkle, little star,\n"
        "How I wonder what you are!\n"
    ),
    "The Raven's refrain": (
        "Quoth the Raven \u201cNevermore.\u201d\n"
        "\u201cProphet!\u201d said I, \u201cthing of evil!\u201d\n"
    )
    * 3,
}


def _songs() -> Iterator[tuple[str, str]]:
    gifts = (
        "a partridge in a pear tree", "two turtle doves", "three French hens",
        "four calling birds", "five gold rings", "six geese a-laying", "seven swans a-swimming",
        "eight maids a-milking", "nine ladies dancing", "ten lords a-leaping",
        "eleven pipers piping", "twelve drummers drumming",
    )  # fmt: skip
    days = _words(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    )
    yield (
        "song: The twelve days of Christmas",
        "\n".join(
            f"On the {day} day of Christmas my true love sent to me\n"
            + ",\n".join(reversed(gifts[: n + 1]))
            + ".\n"
            for n, day in enumerate(days)
        ),
    )
    farm = {"cow": "moo", "pig": "oink", "duck": "quack", "horse": "neigh", "sheep": "baa"}
    yield (
        "song: Old MacDonald",
        "\n".join(
            f"Old MacDonald had a farm, E-I-E-I-O.\nAnd on his farm he had a {animal}, E-I-E-I-O.\n"
            f"With a {cry} {cry} here and a {cry} {cry} there,\nHere a {cry}, there a {cry}, "
            f"everywhere a {cry} {cry}.\nOld MacDonald had a farm, E-I-E-I-O.\n"
            for animal, cry in farm.items()
        ),
    )
    bottle = (
        "{n} bottles of beer on the wall, {n} bottles of beer.\nTake one down, pass it around, "
        "{less} bottles of beer on the wall.\n\n"
    )
    yield "song: 99 bottles", "".join(bottle.format(n=n, less=n - 1) for n in range(99, 0, -1))
    yield (
        "song: Ten green bottles",
        "".join(
            f"{n} green bottles hanging on the wall,\n{n} green bottles hanging on the wall,\n"
            f"And if one green bottle should accidentally fall,\n"
            f"There'll be {n - 1} green bottles hanging on the wall.\n\n"
            for n in range(10, 0, -1)
        ),
    )
    built = (
        "lay in the house that Jack built", "ate the malt", "killed the rat", "worried the cat",
        "tossed the dog", "milked the cow", "kissed the maiden", "married the man",
        "woke the priest", "kept the cock",
    )  # fmt: skip
    yield (
        "song: The house that Jack built",
        "\n\n".join(
            "This is the one\n" + "\n".join(f"That {deed}," for deed in reversed(built[: n + 1]))
            for n in range(len(built))
        ),
    )
    refrain = "La la la la la, la la la la la,\nLa la la la la, the summer is here.\n\n"
    yield (
        "song: la la la",
        "".join(
            f"{verse}\n{refrain}{refrain}"
            for verse in ("The sun comes up", "The birds awake", "We walk along", "The day is done")
        ),
    )
    yield "song: na na na", "Hey, my friend, it is late.\n" + "Na, na, na, nananana,\n" * 20
    wheels = {"wheels": "go round and round", "wipers": "go swish, swish, swish"}
    wheels |= {"horn": "goes beep, beep, beep", "doors": "go open and shut"}
    wheels |= {"driver": "says move on back", "babies": "go wah, wah, wah"}
    yield (
        "song: The wheels on the bus",
        "\n".join(
            f"The {part} on the bus {does},\n{does}, {does}.\nThe {part} on the bus {does},\n"
            "all through the town.\n"
            for part, does in wheels.items()
        ),
    )
    psalm = (
        "that made the heavens", "that stretched out the earth", "that made great lights",
        "the sun to rule by day", "the moon and stars to rule by night", "that led his people",
        "that smote great kings", "and slew famous kings", "and gave their land",
        "who remembered us", "and redeemed us", "who giveth food",
    )  # fmt: skip
    yield (
        "song: Psalm 136",
        "\n".join(f"To him {deed}: for his mercy endureth for ever." for deed in psalm),
    )


def _numbers() -> Iterator[tuple[str, str]]:
    yield "numbers: 1 to 500", ", ".join(map(str, range(1, 501)))
    yield "numbers: 1 to 1000 in lines", "\n".join(map(str, range(1, 1001)))
    yield "numbers: 1 to 100 in words", "\n".join(f"{n}. {n} is a number" for n in range(1, 23))
    yield "numbers: even", " ".join(map(str, range(0, 1000, 2)))
    yield "numbers: down", " ".join(map(str, range(500, 0, -1)))
    yield "numbers: squares", "\n".join(f"{n}^2 = {n * n}" for n in range(1, 101))
    yield (
        "numbers: primes",
        ", ".join(str(n) for n in range(2, 3000) if all(n % d for d in range(2, int(n**0.5) + 1))),
    )
    yield "numbers: powers of two", "\n".join(f"2^{n} = {2**n}" for n in range(128))
    yield "numbers: googol", "1" + "0" * 100
    yield "numbers: a third, to 60 places", f"1/3 = 0.{'3' * 60}..."
    yield "numbers: a seventh", f"1/7 = 0.{'142857' * 12}..."
    yield "numbers: e", str(sum(10**1000 // _factorial(n) for n in range(450)))
    yield "numbers: binary", "\n".join(f"{n:08b} {n:3d} {n:02x}" for n in range(256))
    for n in (7, 12):
        yield f"numbers: {n} times", "\n".join(f"{n} x {m} = {n * m}" for m in range(1, 31))
        yield (
            f"numbers: {n} times in words",
            "\n".join(f"{n} times {m} is {n * m}." for m in range(1, 21)),
        )
    yield (
        "numbers: the times table",
        "\n".join(" | ".join(f"{a * b:3d}" for b in range(1, 13)) for a in range(1, 13)),
    )
    yield "numbers: zeros", "[" + ", ".join("0" * 100) + "]"
    yield (
        "numbers: a matrix of zeros",
        "\n".join("[" + ", ".join("0" * 10) + "]," for _ in range(10)),
    )
    yield (
        "numbers: an identity matrix",
        "\n".join(" ".join("1" if a == b else "0" for b in range(20)) for a in range(20)),
    )
    yield "numbers: random bits", "".join(random.Random(1).choices("01", k=2000))
    yield "numbers: dice", ", ".join(random.Random(2).choices("123456", k=800))
    yield (
        "numbers: FizzBuzz",
        "\n".join(
            "FizzBuzz"
            if n % 15 == 0
            else "Fizz"
            if n % 3 == 0
            else "Buzz"
            if n % 5 == 0
            else str(n)
            for n in range(1, 101)
        ),
    )


def _factorial(n: int) -> int:
    return 1 if n < 2 else n * _factorial(n - 1)


NAMES = _words("Anna Ben Clara David Emma Felix Greta Hans Ida Jonas Klara Leo Mia Noah Olga Paul")
FRUITS = _words("apple banana cherry date elderberry fig grape kiwi lemon mango orange pear plum")


def _tables() -> Iterator[tuple[str, str]]:
    chance = random.Random(3)
    yield "table: wide separators", "|" + "|".join("-" * 40 for _ in range(8)) + "|"
    yield (
        "table: many columns",
        "| " + " | ".join(f"C{n}" for n in range(60)) + " |\n" + "|---" * 60,
    )
    yield (
        "table: names",
        "| Name | Age | City |\n|---|---|---|\n"
        + "".join(f"| {name} | {chance.randint(20, 60)} | Berlin |\n" for name in NAMES * 3),
    )
    yield (
        "table: empty cells",
        "| Day | Task |\n|---|---|\n"
        + "".join(
            f"| {day} | |\n" for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun") * 4
        ),
    )
    yield (
        "table: yes and no",
        "".join(
            f"| {name} | {chance.choice(('yes', 'no'))} | {chance.choice(('yes', 'no'))} |\n"
            for name in NAMES * 4
        ),
    )
    yield (
        "table: a plan of shifts",
        "".join(
            f"| {day} {month} | early | late | night |\n"
            for month in ("May", "June")
            for day in range(1, 11)
        ),
    )
    yield "table: ASCII codes", "".join(f"| {n} | {n:02x} | {chr(n)} |\n" for n in range(33, 127))
    yield (
        "table: prices",
        "".join(f"| {fruit} | {chance.random() * 5:.2f} | kg |\n" for fruit in FRUITS * 4),
    )
    yield (
        "table: box",
        "+----------+----------+\n"
        + "".join(f"| {fruit:8} | {'red':8} |\n+----------+----------+\n" for fruit in FRUITS * 2),
    )


def _data() -> Iterator[tuple[str, str]]:
    chance = random.Random(4)
    people = [
        {"id": n, "name": name, "email": f"{name.lower()}@example.com", "active": True}
        for n, name in enumerate(NAMES * 3)
    ]
    yield "data: JSON", json.dumps(people, indent=2)
    yield "data: JSON lines", "\n".join(map(json.dumps, people))
    yield (
        "data: made-up JSON",
        json.dumps(
            [{"id": n, "name": f"User {n}", "email": f"user{n}@example.com"} for n in range(1, 21)],
            indent=2,
        ),
    )
    yield "data: JSON of nulls", json.dumps(dict.fromkeys(NAMES * 2), indent=2)
    yield "data: deep JSON", json.dumps(_nested(20), indent=2)
    yield (
        "data: schema",
        json.dumps(
            {
                "type": "object",
                "properties": {
                    name: {"type": "string", "description": ""} for name in NAMES + FRUITS
                },
            },
            indent=2,
        ),
    )
    yield (
        "data: CSV",
        "".join(
            f"{n},{chance.choice(NAMES)},{chance.randint(1, 100)},{chance.random():.3f}\n"
            for n in range(150)
        ),
    )
    yield (
        "data: CSV of numbers",
        "".join(f"{n},{chance.randint(0, 1)},{chance.randint(0, 1)},0\n" for n in range(200)),
    )
    yield "data: CSV by the day", "".join(f"2024-01-{n:02d},0,0,0\n" for n in range(1, 32))
    yield (
        "data: log",
        "".join(
            f"2024-05-01 12:{n // 60:02d}:{n % 60:02d} INFO worker {n % 4}: job {n} done in "
            f"{chance.randint(3, 90)} ms\n"
            for n in range(120)
        ),
    )
    yield (
        "data: access log",
        "".join(
            f"10.0.0.{chance.randint(1, 99)} - - [01/May/2024:12:00:{n % 60:02d}] "
            f'"GET / HTTP/1.1" 200 '
            f"{chance.randint(100, 9000)}\n"
            for n in range(100)
        ),
    )
    yield (
        "data: ping",
        "".join(
            f"64 bytes from 10.0.0.1: icmp_seq={n} ttl=64 time={chance.random():.3f} ms\n"
            for n in range(60)
        ),
    )
    yield "data: INI", "".join(f"[{name}]\nhost = localhost\nport = 80\n\n" for name in NAMES)
    yield (
        "data: YAML",
        "".join(f"- name: {name}\n  image: nginx\n  ports:\n    - 80\n" for name in NAMES * 2),
    )
    yield (
        "data: XML",
        "".join(f"<item>\n  <name>{name}</name>\n</item>\n" for name in NAMES + FRUITS),
    )
    yield (
        "data: SQL",
        "".join(f"INSERT INTO users (id, name) VALUES ({n}, 'user{n}');\n" for n in range(1, 41)),
    )
    yield "data: base64", base64.b64encode(random.Random(5).randbytes(3000)).decode()
    yield "data: base64 of text", base64.b64encode(topics.topics["with"].encode()).decode()
    yield "data: hex", random.Random(6).randbytes(1500).hex(" ")
    yield (
        "data: hex dump",
        "".join(f"{n * 16:08x}  {random.Random(n).randbytes(16).hex(' ')}\n" for n in range(60)),
    )
    yield "data: C array of zeros", "uint8_t key[64] = {" + ", ".join(["0x00"] * 64) + "};"
    yield "data: options", "".join(f'<option value="{n}">{n}</option>\n' for n in range(1, 32))
    yield "data: list items", "<ul>\n" + "".join(f"  <li>Item {n}</li>\n" for n in range(1, 51))
    yield "data: addresses", "".join(f"https://example.com/page/{n}\n" for n in range(1, 60))
    yield "data: a form", "".join(f"Question {n}: ______\n" for n in range(1, 41))
    yield "data: zero bytes", "00 " * 200
    yield (
        "data: a timetable",
        "".join(
            f"{hour:02d}:{minute:02d} Central Station to Airport\n"
            for hour in range(6, 12)
            for minute in (0, 15, 30, 45)
        ),
    )
    yield "data: genome", "".join(random.Random(7).choices("ACGT", k=2500))
    yield "data: coordinates", "".join(f"({x}, {y})\n" for x in range(15) for y in range(15))


def _nested(depth: int) -> dict[str, object]:
    return {"children": [_nested(depth - 1)] if depth else [], "open": True}


def _code() -> Iterator[tuple[str, str]]:
    yield (
        "code: tests",
        "".join(f"def test_{n}():\n    assert f({n}) == {n * n}\n\n\n" for n in range(40)),
    )
    yield "code: asserts", "".join(f"assert fib({n}) == {_fib(n)}\n" for n in range(60))
    yield (
        "code: getters",
        "".join(
            f"    public String get{name}() {{\n        return {name.lower()};\n    }}\n\n"
            for name in NAMES * 2
        ),
    )
    yield (
        "code: CSS",
        "".join(
            f".{name.lower()} {{\n  margin: 0;\n  padding: 0;\n}}\n\n" for name in NAMES + FRUITS
        ),
    )
    yield (
        "code: columns of CSS",
        "".join(f".col-{n} {{ width: {n * 100 / 12:.4f}%; }}\n" for n in range(1, 13)),
    )
    yield "code: registers", "".join(f"mov r{n}, #0\n" for n in range(32))
    yield (
        "code: switch",
        "".join(f'        case {n}: return "{name}";\n' for n, name in enumerate(NAMES * 3)),
    )
    yield "code: prints", "".join(f'print("Line {n}")\n' for n in range(1, 41))
    yield "code: closing tags", "<div>" * 20 + "x" + "</div>\n" * 20
    yield "code: brackets", "(" * 60 + "x" + ")" * 60
    yield (
        "code: traceback",
        "Traceback (most recent call last):\n"
        + ('  File "a.py", line 3, in f\n    return f(n - 1)\n') * 8,
    )
    yield "code: lines", "# " + "-" * 78 + "\n# Part\n# " + "-" * 78 + "\n"
    yield "code: checks", "".join(inspect.getsource(f) for f in (inspect.getdoc, json.loads))


def _fib(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def _drawings() -> Iterator[tuple[str, str]]:
    yield "drawing: triangle", "\n".join("*" * n for n in range(1, 41))
    yield "drawing: tree", "\n".join(" " * (20 - n) + "*" * (2 * n + 1) for n in range(20))
    yield "drawing: box", "+" + "-" * 40 + "+\n" + ("|" + " " * 40 + "|\n") * 10 + "+" + "-" * 40
    yield "drawing: chess", "\n".join(("# ." * 4, ". #" * 4)[n % 2] for n in range(8))
    yield "drawing: waves", "~^~^~^~^~^~^~^~^~^~^\n" * 6
    yield (
        "drawing: life",
        "\n".join("".join(random.Random(n).choices(".#", weights=(6, 1), k=40)) for n in range(30)),
    )
    yield (
        "drawing: folders",
        "".join(f"│   ├── {name}.py\n│   │   └── test_{name}.py\n" for name in FRUITS * 2),
    )
    yield (
        "drawing: maze",
        "\n".join("".join(random.Random(n).choices(("+--", "   "), k=20)) for n in range(25)),
    )
    yield "chords: verse", "| C | G | Am | F |\n" * 16
    yield (
        "chords: tab",
        "".join(
            f"{string}|--0--2--3--2--0--2--3--2--|--0--2--3--2--0--2--3--2--|\n"
            for string in "eBGDAE"
        ),
    )
    yield (
        "chords: drums",
        "HH|x-x-x-x-|x-x-x-x-|\nSD|----o---|----o---|\nBD|o---o---|o---o---|\n" * 4,
    )
    yield (
        "knitting",
        "".join(
            f"Row {n}: k2, p2, k2, p2, k2.\nRow {n + 1}: p2, k2, p2, k2, p2.\n"
            for n in range(1, 20, 2)
        ),
    )


def _prose() -> Iterator[tuple[str, str]]:
    chance = random.Random(8)
    yield "prose: lorem", "Lorem ipsum dolor sit amet, consectetur adipiscing elit. " * 5
    yield (
        "prose: anaphora",
        "\n".join(
            f"I have a dream that one day {name} will sit down at the table with {other}."
            for name, other in zip(NAMES, FRUITS, strict=False)
        ),
    )
    yield (
        "prose: recipe",
        "".join(
            f"{n}. Add the {fruit} and stir well. Cook for {chance.randint(2, 9)} minutes.\n"
            for n, fruit in enumerate(FRUITS, 1)
        ),
    )
    yield (
        "prose: a plan of training",
        "".join(
            f"Day {n}: {what}\n"
            for n, what in enumerate(("Run", "Rest", "Swim", "Rest", "Walk") * 6, 1)
        ),
    )
    yield (
        "prose: revenue",
        " ".join(
            f"In {2000 + n}, revenue was {chance.randint(10, 99)} million and profit "
            f"{chance.randint(1, 9)} million."
            for n in range(24)
        ),
    )
    yield (
        "prose: questions",
        "".join(
            f"Q{n}: What is the capital of {name}land?\nA{n}: {fruit.title()}ville.\n\n"
            for n, name, fruit in zip(count(1), NAMES, FRUITS, strict=False)
        ),
    )
    yield "prose: vocabulary", "".join(f"- {a} - {b}\n" for a in NAMES for b in FRUITS[:6])
    yield "prose: laughter", "Ha" * 40 + "! " + "No" + "o" * 60 + "! " + "very " * 30
    yield (
        "prose: counting sheep",
        "".join(
            f"{word} sheep jumped over the fence. "
            for word in _words("One Two Three Four Five Six Seven Eight Nine Ten Eleven")
        ),
    )
    yield "prose: copied and corrected", topics.topics["if"] + topics.topics["if"]
    yield (
        "prose: Chinese",
        "，".join(chance.sample("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏", 24)),
    )
    yield "prose: lines to write", "I will not talk in class.\n" * 15
