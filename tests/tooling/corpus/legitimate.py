"""Programs of the kind that models write, with what each prints and shows as a value."""



from __future__ import annotations

PROGRAMS: dict[str, tuple[str, str]] = {
    "squares": (
        'import math\nprint([x**2 for x in range(1, 6)])\nprint(f"Pi = {math.pi:.2f}")',
        "[1, 4, 9, 16, 25]\nPi = 3.14\n",
    ),
    "last-value": ("2 + 3", "5\n"),
    "print-then-value": ("print('a', end='')\n'b' * 2", "a\n'bb'\n"),
    "none-is-not-shown": ("x = [1]\nx.append(2)", ""),
    "assignment-shows-nothing": ("x = 5", ""),
    "fibonacci": (
        "fib = [0, 1]\nfor i in range(8):\n    fib.append(fib[-1] + fib[-2])\nprint(f'{fib}')",
        "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34]\n",
    ),
    "factorial": ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nprint(f(20))",
                  "2432902008176640000\n"),
    "main-guard": ("def main():\n    print('run')\nif __name__ == '__main__':\n    main()", "run\n"),
    "class": (
        "class P:\n    def __init__(self, x):\n        self.x = x\n    def __repr__(self):\n"
        "        return f'P({self.x})'\n    def __add__(self, o):\n        return P(self.x + o.x)\n"
        "print(P(1) + P(2))",
        "P(3)\n",
    ),
    "inheritance": (
        "class A:\n    def hi(self): return 'A'\nclass B(A):\n"
        "    def hi(self): return super().hi() + 'B'\nprint(B().hi(), B.__mro__[1].__name__)",
        "AB A\n",
    ),
    "property": (
        "class C:\n    def __init__(self): self._t = 20\n    @property\n"
        "    def f(self): return self._t * 9 / 5 + 32\n    @f.setter\n"
        "    def f(self, v): self._t = (v - 32) * 5 / 9\nc = C()\nc.f = 212\nprint(c.f, c._t)",
        "212.0 100.0\n",
    ),
    "class-methods": (
        "class C:\n    n = 0\n    @classmethod\n    def make(cls):\n        cls.n += 1\n"
        "        return cls()\n    @staticmethod\n    def two(): return 2\nC.make()\n"
        "print(C.n, C.two())",
        "1 2\n",
    ),
    "instance-dict": ("class C:\n    def __init__(self): self.a = 1\nprint(C().__dict__, vars(C()))",
                      "{'a': 1} {'a': 1}\n"),
    "class-dict": ("class C:\n    x = 1\nprint('x' in C.__dict__, C.__name__, C.__doc__)",
                   "True C None\n"),
    "borg": ("class B:\n    s = {}\n    def __init__(self): self.__dict__ = self.s\n"
             "a, b = B(), B()\na.x = 3\nprint(b.x)", "3\n"),
    "metaclass": ("class M(type):\n    def __new__(m, n, b, d):\n        d['k'] = n\n"
                  "        return super().__new__(m, n, b, d)\nclass C(metaclass=M): pass\nprint(C.k)",
                  "C\n"),
    "slots": ("class S:\n    __slots__ = ('a',)\ns = S()\ns.a = 1\ntry:\n    s.b = 2\n"
              "except AttributeError:\n    print('no')", "no\n"),
    "descriptor": ("class D:\n    def __set_name__(self, o, n): self.n = n\n"
                   "    def __get__(self, i, t): return self.n\nclass C:\n    field = D()\n"
                   "print(C().field)", "field\n"),
    "context-manager": ("class T:\n    def __enter__(self):\n        print('in')\n        return self\n"
                        "    def __exit__(self, *a):\n        print('out')\n        return True\n"
                        "with T():\n    1 / 0", "in\nout\n"),
    "generator": ("def g(n):\n    while n:\n        yield n\n        n -= 1\nprint(list(g(3)))",
                  "[3, 2, 1]\n"),
    "generator-send": ("def g():\n    t = 0\n    while True:\n        t += yield t\nx = g()\nnext(x)\n"
                       "x.send(2)\nprint(x.send(3))", "5\n"),
    "decorator": ("import functools\ndef twice(f):\n    @functools.wraps(f)\n    def w(*a, **k):\n"
                  "        return f(*a, **k) * 2\n    return w\n@twice\ndef one():\n    return 1\n"
                  "print(one(), one.__name__)", "2 one\n"),
    "lru-cache": ("from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(n):\n"
                  "    return n if n < 2 else f(n - 1) + f(n - 2)\nprint(f(80))",
                  "23416728348467685\n"),
    "cache-property": ("from functools import cached_property\nclass C:\n    @cached_property\n"
                       "    def x(self):\n        print('once')\n        return 1\nc = C()\nc.x + c.x",
                       "once\n2\n"),
    "reduce": ("from functools import reduce\nimport operator\nreduce(operator.mul, range(1, 6))",
               "120\n"),
    "partial": ("from functools import partial\nprint(partial(pow, 2)(10))", "1024\n"),
    "closure": ("def c():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n        return n\n"
                "    return f\nf = c()\nf()\nf()", "2\n"),
    "counter": ("from collections import Counter\nprint(Counter('mississippi').most_common(2))",
                "[('i', 4), ('s', 4)]\n"),
    "defaultdict": ("from collections import defaultdict\nd = defaultdict(list)\nd['a'].append(1)\n"
                    "print(dict(d))", "{'a': [1]}\n"),
    "namedtuple": ("from collections import namedtuple\nP = namedtuple('P', 'x y')\nP(1, 2)._asdict()",
                   "{'x': 1, 'y': 2}\n"),
    "deque": ("from collections import deque\nd = deque([1, 2], maxlen=2)\nd.append(3)\nd",
              "deque([2, 3], maxlen=2)\n"),
    "ordered-dict": ("from collections import OrderedDict, ChainMap\nd = OrderedDict(a=1, b=2)\n"
                     "d.move_to_end('a')\nprint(list(d), ChainMap({'x': 1}, d)['b'])",
                     "['b', 'a'] 2\n"),
    "abstract-collections": ("import collections.abc\nfrom collections.abc import Iterable\n"
                             "print(isinstance([], Iterable), isinstance(3, collections.abc.Sized))",
                             "True False\n"),
    "dataclass": ("from dataclasses import dataclass, field, asdict\n@dataclass(order=True)\nclass P:\n"
                  "    x: int\n    t: list = field(default_factory=list)\n"
                  "print(asdict(P(1)), P(1) < P(2), P(3))",
                  "{'x': 1, 't': []} True P(x=1, t=[])\n".replace("P(x=1", "P(x=3")),
    "frozen-dataclass": ("from __future__ import annotations\nfrom dataclasses import dataclass, replace\n"
                         "@dataclass(frozen=True)\nclass P:\n    x: int = 1\n"
                         "    def __post_init__(self):\n        object.__setattr__(self, 'y', 2)\n"
                         "p = replace(P(), x=5)\nprint(p, p.y, hash(p) == hash(P(5)))",
                         "P(x=5) 2 True\n"),
    "enum": ("from enum import Enum, auto, IntEnum\nclass C(Enum):\n    A = auto()\n    B = auto()\n"
             "class N(IntEnum):\n    X = 3\nprint([c.name for c in C], C['A'].value, N.X + 1, C.B)",
             "['A', 'B'] 1 4 C.B\n"),
    "typing": ("from typing import List, Optional, TypeVar, Generic, NamedTuple, Protocol\nT = TypeVar('T')\n"
               "class Box(Generic[T]):\n    def __init__(self, v: T): self.v = v\nclass P(NamedTuple):\n"
               "    x: int\n    y: Optional[int] = None\ndef f(a: List[int]) -> int: return sum(a)\n"
               "print(Box[int](3).v, P(1), f([1, 2]), f.__annotations__['return'].__name__)",
               "3 P(x=1, y=None) 3 int\n"),
    "datetime": ("from datetime import date, datetime, timedelta\nd = date(2024, 2, 28)\n"
                 "print(d + timedelta(days=2), d.strftime('%A %d %B %Y'), d.isoweekday())\n"
                 "print(datetime.strptime('2024-01-15 10:30', '%Y-%m-%d %H:%M').isoformat())",
                 "2024-03-01 Wednesday 28 February 2024 3\n2024-01-15T10:30:00\n"),
    "timezone": ("from datetime import datetime, timezone, timedelta\n"
                 "t = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)\n"
                 "print(t.astimezone(timezone(timedelta(hours=2))).isoformat(), t.timestamp())",
                 "2024-01-01T14:00:00+02:00 1704110400.0\n"),
    "now": ("import datetime\nprint(datetime.datetime.now().year > 2000)", "True\n"),
    "json": ("import json\nd = json.loads('{\"b\": [1, 2.5, null, true]}')\n"
             "print(json.dumps(d, indent=1, sort_keys=True), json.dumps('é', ensure_ascii=False))",
             '{\n "b": [\n  1,\n  2.5,\n  null,\n  true\n ]\n} "é"\n'),
    "json-error": ("import json\ntry:\n    json.loads('{')\nexcept json.JSONDecodeError as e:\n"
                   "    print(e.msg, e.pos)",
                   "Expecting property name enclosed in double quotes 1\n"),
    "regex": ("import re\nprint(re.findall(r'\\b(\\w+)@(\\w+)\\.com', 'a@b.com, c@d.com'))\n"
              "print(re.sub(r'(\\d+)', lambda m: str(int(m[1]) * 2), 'a1b22'))",
              "[('a', 'b'), ('c', 'd')]\na2b44\n"),
    "string": ("import string\nprint(string.ascii_lowercase[:3], string.Template('$a!').substitute(a=1),"
               " string.capwords('ab cd'))", "abc 1! Ab Cd\n"),
    "string-formatter": ("import string\nprint(string.Formatter().format('{0} {x.real:>3}', 1, x=2))",
                         "1   2\n"),
    "statistics": ("import statistics as s\nd = [2, 4, 4, 5, 5, 7, 9]\n"
                   "print(s.mean(d), s.median(d), s.mode(d), round(s.stdev(d), 3), s.quantiles(d, n=4))",
                   "5.142857142857143 5 4 2.268 [4.0, 5.0, 7.0]\n"),
    "random": ("import random\nrandom.seed(42)\nx = [random.randint(1, 6) for _ in range(5)]\n"
               "random.shuffle(x)\nprint(len(x), random.choice('a'), 0 <= random.random() < 1,"
               " sorted(random.sample(range(3), 3)))", "5 a True [0, 1, 2]\n"),
    "system-random": ("import random\nprint(0 <= random.SystemRandom().random() < 1)", "True\n"),
    "itertools": ("from itertools import chain, combinations, groupby, islice, count, product\n"
                  "print(list(combinations('abc', 2))[1], list(islice(count(5), 2)),"
                  " [(k, len(list(g))) for k, g in groupby('aab')], len(list(product([0, 1], repeat=3))),"
                  " list(chain([1], [2])))",
                  "('a', 'c') [5, 6] [('a', 2), ('b', 1)] 8 [1, 2]\n"),
    "fractions": ("from fractions import Fraction\nprint(Fraction(1, 3) + Fraction('0.5'),"
                  " float(Fraction(1, 4)))", "5/6 0.25\n"),
    "decimal": ("from decimal import Decimal, getcontext, ROUND_HALF_UP\ngetcontext().prec = 30\n"
                "print(Decimal('0.1') + Decimal('0.2'), Decimal(2).sqrt(),"
                " Decimal('2.675').quantize(Decimal('0.01'), ROUND_HALF_UP))",
                "0.3 1.41421356237309504880168872421 2.68\n"),
    "heapq": ("import heapq\nh = [3, 1, 2]\nheapq.heapify(h)\nheapq.heappush(h, 0)\n"
              "print([heapq.heappop(h) for _ in range(4)], heapq.nlargest(2, [1, 5, 3]))",
              "[0, 1, 2, 3] [5, 3]\n"),
    "bisect": ("import bisect\na = [1, 3, 5]\nbisect.insort(a, 4)\nprint(a, bisect.bisect_left(a, 3))",
               "[1, 3, 4, 5] 1\n"),
    "textwrap": ("import textwrap\nprint(textwrap.fill('the quick brown fox', 10))\n"
                 "print(textwrap.dedent('  a'), textwrap.shorten('one two three', 9))",
                 "the quick\nbrown fox\na one [...]\n"),
    "operator": ("import operator as o\nprint(sorted([(1, 'b'), (2, 'a')], key=o.itemgetter(1)),"
                 " o.attrgetter('real')(3), o.methodcaller('upper')('x'))",
                 "[(2, 'a'), (1, 'b')] 3 X\n"),
    "math": ("import math\nprint(math.gcd(12, 18), math.comb(5, 2), math.isclose(0.1 + 0.2, 0.3),"
             " math.prod([2, 3]), math.dist((0, 0), (3, 4)), math.floor(-1.5))",
             "6 10 True 6 5.0 -2\n"),
    "sieve": ("n = 50\ns = [True] * (n + 1)\nfor i in range(2, int(n ** 0.5) + 1):\n    if s[i]:\n"
              "        s[i * i::i] = [False] * len(s[i * i::i])\nprint([i for i in range(2, n) if s[i]][-3:])",
              "[41, 43, 47]\n"),
    "sorting": ("def qs(a):\n    if len(a) < 2: return a\n    p, *r = a\n"
                "    return qs([x for x in r if x < p]) + [p] + qs([x for x in r if x >= p])\n"
                "qs([3, 1, 2])", "[1, 2, 3]\n"),
    "matrix": ("a = [[1, 2], [3, 4]]\nb = list(zip(*a))\n"
               "[[sum(x * y for x, y in zip(r, c)) for c in b] for r in a]", "[[7, 10], [15, 22]]\n"),
    "graph": ("from collections import deque\ng = {1: [2, 3], 2: [4], 3: [4], 4: []}\nd = {1: 0}\n"
              "q = deque([1])\nwhile q:\n    n = q.popleft()\n    for m in g[n]:\n        if m not in d:\n"
              "            d[m] = d[n] + 1\n            q.append(m)\nd", "{1: 0, 2: 1, 3: 1, 4: 2}\n"),
    "exceptions": ("class E(ValueError):\n    pass\ntry:\n    try:\n        raise E('x')\n"
                   "    except E as e:\n        raise KeyError('y') from e\nexcept KeyError as k:\n"
                   "    print(repr(k.__cause__), type(k).__name__)\nfinally:\n    print('done')",
                   "E('x') KeyError\ndone\n"),
    "match": ("def f(p):\n    match p:\n        case {'t': 'a', 'v': v}: return v\n"
              "        case [x, *_]: return x\n        case str() as s: return s.upper()\n"
              "        case _: return None\nprint(f({'t': 'a', 'v': 1}), f([2, 3]), f('x'), f(0))",
              "1 2 X None\n"),
    "walrus-and-comprehensions": ("print([y for x in range(5) if (y := x * x) > 3],"
                                  " {k: v for k, v in zip('ab', (1, 2))}, {x % 2 for x in range(4)})",
                                  "[4, 9, 16] {'a': 1, 'b': 2} {0, 1}\n"),
    "f-strings": ("x = 1234.5\nname = 'n'\nprint(f'{x:,.2f} {name!r:>5} {x=} {7:08b} {255:#x} {0.25:.0%}')",
                  "1,234.50   'n' x=1234.5 00000111 0xff 25%\n"),
    "format": (
        "print('{:>5}|{:<5}|{:^5}'.format(1, 'a', 'b'), '%05.1f' % 2.25,"
        " '{0.real} {1[0]}'.format(3, [4]))",
        "    1|a    |  b   002.2 3 4\n",
    ),
    "unicode": ("s = 'héllo ✓ \\N{GREEK SMALL LETTER PI}'\nprint(s.upper(), len(s), s.encode('utf-8')[1:3],"
                " 'é'.encode('latin-1'), 'x'.encode('utf-16-le'))",
                "HÉLLO ✓ Π 9 b'\\xc3\\xa9' b'\\xe9' b'x\\x00'\n"),
    "bytes": ("b = bytearray(b'abc')\nb[0] = 65\nprint(b, bytes.fromhex('ff00').hex(),"
              " int.from_bytes(b'\\x01\\x00', 'big'))", "bytearray(b'Abc') ff00 256\n"),
    "big-integers": ("print(2 ** 200, pow(3, 1000, 7), divmod(-7, 2))",
                     "1606938044258990275541962092341162602522202993782792835301376 4 (-4, 1)\n"),
    "getattr": ("class C:\n    x = 1\nprint(getattr(C, 'x'), getattr(C, 'y', 2), hasattr(C, 'z'))\n"
                "setattr(C, 'z', 3)\nprint(C.z, isinstance(C(), C), callable(C), issubclass(C, object))",
                "1 2 False\n3 True True True\n"),
    "star-arguments": ("def f(a, *b, c=1, **d):\n    return a, b, c, d\nf(1, 2, 3, c=4, e=5)",
                       "(1, (2, 3), 4, {'e': 5})\n"),
    "sorted-key": ("print(sorted({'b': 1, 'a': 2}.items(), key=lambda i: -i[1]),"
                   " max('aab', key='aab'.count), list(map(str, reversed([1, 2]))))",
                   "[('a', 2), ('b', 1)] a ['2', '1']\n"),
    "import-guard": ("try:\n    import numpy as np\nexcept ImportError:\n    np = None\nprint(np)",
                     "None\n"),
    "type-call": ("P = type('P', (), {'x': 1, 'f': lambda self: self.x})\nprint(P().f(), type(1) is int)",
                  "1 True\n"),
    "iterator-class": ("class R:\n    def __init__(self, n): self.n = n\n    def __iter__(self): return self\n"
                       "    def __next__(self):\n        if not self.n: raise StopIteration\n"
                       "        self.n -= 1\n        return self.n\nlist(R(3))", "[2, 1, 0]\n"),
    "bank-account": ("class Account:\n    def __init__(self, owner, balance=0):\n        self.owner = owner\n"
                     "        self.__balance = balance\n    def deposit(self, n):\n        if n <= 0:\n"
                     "            raise ValueError('positive amounts only')\n        self.__balance += n\n"
                     "        return self.__balance\na = Account('Ada', 10)\nprint(a.deposit(5))\ntry:\n"
                     "    a.deposit(-1)\nexcept ValueError as e:\n    print('Error:', e)",
                     "15\nError: positive amounts only\n"),
    "coroutine-by-hand": ("async def f():\n    return 5\nc = f()\ntry:\n    c.send(None)\n"
                          "except StopIteration as s:\n    print(s.value)", "5\n"),
    "exception-group": ("try:\n    raise ExceptionGroup('g', [ValueError(1), KeyError(2)])\n"
                        "except* ValueError as e:\n    print(e.exceptions)\nexcept* KeyError:\n    print('k')",
                        "(ValueError(1),)\nk\n"),
    "exit-quietly": ("print('a')\nraise SystemExit", "a\n"),
    "a-million": ("print(sum(i * i for i in range(10 ** 6)))", "333332833333500000\n"),
    "copy": ("import copy\na = [[1], 2]\nb, c = copy.copy(a), copy.deepcopy(a)\na[0].append(5)\nprint(b, c)",
             "[[1, 5], 2] [[1], 2]\n"),
    "deep-copy-of-objects": ("from copy import deepcopy\nclass P:\n    def __init__(self, x): self.x = x\n"
                             "p = P([1])\nq = deepcopy(p)\nq.x.append(2)\nprint(p.x, q.x)", "[1] [1, 2]\n"),
    "time": ("import time\nt = time.perf_counter()\ntime.sleep(0.01)\nprint(time.perf_counter() - t >= 0.01,"
             " time.strftime('%Y-%m-%d', time.gmtime(0)), time.time() > 1e9, time.monotonic() > 0)",
             "True 1970-01-01 True True\n"),
    "time-strptime": ("import time\nprint(time.strptime('2024-01-15', '%Y-%m-%d').tm_yday)", "15\n"),
    "calendar": ("import calendar\nprint(calendar.isleap(2024), calendar.monthrange(2024, 2),"
                 " calendar.month_name[3])\nprint(calendar.month(2024, 2).splitlines()[0].strip())",
                 "True (3, 29) March\nFebruary 2024\n"),
    "zoneinfo": ("from datetime import datetime\nfrom zoneinfo import ZoneInfo, available_timezones\n"
                 "t = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo('UTC'))\n"
                 "print(t.astimezone(ZoneInfo('Europe/Berlin')).isoformat(), 'Asia/Tokyo' in available_timezones())",
                 "2024-07-01T14:00:00+02:00 True\n"),
    "zoneinfo-unknown": ("from zoneinfo import ZoneInfo, ZoneInfoNotFoundError\ntry:\n    ZoneInfo('No/Where')\n"
                         "except ZoneInfoNotFoundError as e:\n    print(e)",
                         "'No time zone found with key No/Where'\n"),
    "string-io": ("import io\nf = io.StringIO()\nprint('a', file=f)\nf.write('b')\nprint(repr(f.getvalue()),"
                  " io.BytesIO(b'xy').read(1))", "'a\\nb' b'x'\n"),
    "redirect": ("import io\nfrom contextlib import redirect_stdout\nf = io.StringIO()\nwith redirect_stdout(f):\n"
                 "    print('hidden')\nprint(f.getvalue().upper(), end='')", "HIDDEN\n"),
    "swapped-stdout": ("import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nprint('x')\n"
                       "text = sys.stdout.getvalue()\nsys.stdout = old\nprint(repr(text))", "'x\\n'\n"),
    "sys": ("import sys\nsys.stdout.write('out\\n')\nsys.stdout.flush()\nprint(sys.maxsize > 2**31, sys.version_info >= (3, 11),"
            " sys.argv, sys.byteorder)\nsys.setrecursionlimit(5000)\nprint(sys.getrecursionlimit())",
            "out\nTrue True ['code.py'] little\n5000\n"),
    "sys-exit": ("import sys\nprint('a')\nsys.exit()\nprint('b')", "a\n"),
    "sys-exit-zero": ("from sys import exit\nprint('a')\nexit(0)", "a\n"),
    "exit": ("print('a')\nexit()\nprint('b')", "a\n"),
    "quit": ("print('a')\nquit()\nprint('b')", "a\n"),
    "deep-recursion": ("import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
                       "print(f(15000))", "15000\n"),
    "csv": ("import csv, io\nrows = list(csv.DictReader(io.StringIO('a,b\\n1,\"x, y\"\\n')))\nprint(rows)\n"
            "f = io.StringIO()\ncsv.writer(f).writerow([1, 'a,b'])\nprint(repr(f.getvalue()))",
            "[{'a': '1', 'b': 'x, y'}]\n'1,\"a,b\"\\r\\n'\n"),
    "pprint": ("from pprint import pprint, pformat\npprint({'b': 1, 'a': [1, 2]})\nprint(pformat((1,)))",
               "{'a': [1, 2], 'b': 1}\n(1,)\n"),
    "contextlib": ("from contextlib import contextmanager, suppress, ExitStack, nullcontext\n@contextmanager\n"
                   "def m(n):\n    print('in', n)\n    yield n\n    print('out', n)\nwith ExitStack() as s:\n"
                   "    s.enter_context(m(1))\nwith suppress(ZeroDivisionError): 1 / 0\n"
                   "with nullcontext(3) as n: print(n)", "in 1\nout 1\n3\n"),
    "abc": ("from abc import ABC, abstractmethod\nclass S(ABC):\n    @abstractmethod\n    def area(self): ...\n"
            "class Q(S):\n    def area(self): return 4\nprint(Q().area())\ntry:\n    S()\nexcept TypeError as e:\n"
            "    print('abstract' in str(e))", "4\nTrue\n"),
    "numbers": ("import numbers\nprint(isinstance(1, numbers.Integral), isinstance(1j, numbers.Real))", "True False\n"),
    "cmath": ("import cmath\nprint(cmath.sqrt(-4), round(abs(cmath.exp(1j * cmath.pi) + 1), 9))", "2j 0.0\n"),
    "array": ("from array import array\na = array('i', [1, 2])\na.append(3)\nprint(a, a.tobytes()[:4], sum(a))",
              "array('i', [1, 2, 3]) b'\\x01\\x00\\x00\\x00' 6\n"),
    "struct": ("import struct\nprint(struct.pack('>HI', 1, 2), struct.unpack('<h', b'\\xff\\xff'), struct.calcsize('d'))",
               "b'\\x00\\x01\\x00\\x00\\x00\\x02' (-1,) 8\n"),
    "base64": ("import base64\nprint(base64.b64encode(b'hi').decode(), base64.b64decode('aGk='), base64.b16encode(b'a'))",
               "aGk= b'hi' b'61'\n"),
    "hashlib": ("import hashlib\nprint(hashlib.sha256(b'a').hexdigest()[:8], hashlib.md5(b'').hexdigest()[:8],"
                " hashlib.new('sha1', b'a').hexdigest()[:8], hashlib.blake2b(b'a').hexdigest()[:8],"
                " hashlib.pbkdf2_hmac('sha256', b'p', b's', 2).hex()[:8])",
                "ca978112 d41d8cd9 86f7e437 333fcb4e 1998f3d3\n"),
    "secrets": ("import secrets\nprint(len(secrets.token_hex(8)), secrets.randbelow(1), secrets.choice('a'),"
                " secrets.compare_digest('a', 'a'))", "16 0 a True\n"),
    "uuid": ("import uuid\nprint(uuid.uuid5(uuid.NAMESPACE_DNS, 'python.org'), uuid.uuid4().version,"
             " uuid.uuid1().version, uuid.UUID(int=1))",
             "886313e1-3b8a-5372-9b90-0c9aee199e5d 4 1 00000000-0000-0000-0000-000000000001\n"),
    "unicodedata": ("import unicodedata\nprint(unicodedata.name('é'), len(unicodedata.normalize('NFD', 'é')),"
                    " unicodedata.category('1'), unicodedata.numeric('½'))",
                    "LATIN SMALL LETTER E WITH ACUTE 2 Nd 0.5\n"),
    "a-long-number": ("print(len(str(2 ** 100_000)))", "30103\n"),
}
