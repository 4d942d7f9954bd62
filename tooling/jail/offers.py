"""The modules that a program may import, what of them it sees, and what is said of others."""

from __future__ import annotations

MODULES = (
    *("math", "json", "datetime", "random", "itertools", "collections", "collections.abc", "re"),
    *("string", "statistics", "functools", "fractions", "decimal", "heapq", "bisect", "textwrap"),
    *("operator", "dataclasses", "typing", "enum", "copy", "time", "calendar", "zoneinfo", "io"),
    *("csv", "pprint", "contextlib", "abc", "numbers", "cmath", "array", "struct", "base64"),
    *("hashlib", "secrets", "uuid", "unicodedata", "sys"),
)
ALLOWED = (*MODULES, "__future__")
# What these modules and the interpreter import lazily. Nothing can be opened once confined.
NEEDED = (
    *("_strptime", "locale", "linecache", "warnings", "reprlib", "keyword", "weakref", "traceback"),
    *("zoneinfo._common", "zoneinfo._tzpath"),
    *("encodings.ascii", "encodings.latin_1", "encodings.cp1252", "encodings.cp437"),
    *("encodings.utf_8_sig", "encodings.utf_16", "encodings.utf_32"),
    *("encodings.utf_16_le", "encodings.utf_16_be", "encodings.utf_32_le", "encodings.utf_32_be"),
    *("encodings.unicode_escape", "encodings.raw_unicode_escape"),
)
# Of these modules nothing else is shown; `stand_ins` makes some of it.
ONLY = {
    "io": {
        *("StringIO", "BytesIO", "UnsupportedOperation", "DEFAULT_BUFFER_SIZE"),
        *("SEEK_SET", "SEEK_CUR", "SEEK_END"),
    },
    "sys": {
        *("version", "version_info", "maxsize", "maxunicode", "byteorder", "float_info"),
        *("int_info", "hash_info", "platform", "intern", "getsizeof", "getrefcount"),
        *("getrecursionlimit", "get_int_max_str_digits", "set_int_max_str_digits"),
    },
    "time": {
        *("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns"),
        *("process_time", "process_time_ns", "thread_time", "get_clock_info"),
        *("localtime", "gmtime", "mktime", "strftime", "strptime", "asctime", "ctime"),
        *("struct_time", "timezone", "altzone", "daylight", "tzname"),
    },
    "uuid": {
        *("UUID", "SafeUUID", "uuid3", "uuid4", "uuid5", "RESERVED_NCS", "RFC_4122"),
        *("RESERVED_MICROSOFT", "RESERVED_FUTURE"),
        *("NAMESPACE_DNS", "NAMESPACE_URL", "NAMESPACE_OID", "NAMESPACE_X500"),
    },
    "zoneinfo": {"ZoneInfo", "ZoneInfoNotFoundError"},
}
# They evaluate strings, walk attributes named by strings, or keep what a program must not have.
WITHHELD = {
    "typing": {"get_type_hints", "ForwardRef"},
    "operator": {"attrgetter", "methodcaller"},
    "contextlib": {"chdir"},
}

_REASONS = {
    "Files are not there: work with values in the program, and io.StringIO for text.": """
        os pathlib shutil glob fnmatch tempfile fileinput pickle shelve sqlite3 dbm zipfile tarfile
        gzip mmap configparser""",
    "There is no network.": """
        socket ssl requests urllib http httpx aiohttp urllib3 ftplib smtplib bs4 selenium websockets
        yfinance webbrowser""",
    "There are no other processes and threads.": """
        subprocess multiprocessing threading concurrent asyncio signal sched queue""",
    "Only the standard library is there: use lists, math, statistics and fractions.": """
        numpy pandas scipy sympy matplotlib sklearn torch tensorflow networkx seaborn plotly PIL cv2
        dateutil pytz tabulate tqdm""",
}
_BY_NAME = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def refusal(name: str) -> str:
    """Say that a module is not there, why, and what there is."""
    reason = _BY_NAME.get(name.partition(".")[0], "")
    return (
        f'"{name}" is not available in the sandbox.{reason and " " + reason} '
        f"Modules to use: {', '.join(MODULES)}."
    )
