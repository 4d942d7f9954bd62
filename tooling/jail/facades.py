"""The modules that a program may import, as facades: their public names, no modules behind them."""

from __future__ import annotations

import functools
import operator
import string
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from tooling.jail.names import NotAvailable, checked

MODULES = (
    *("math", "json", "datetime", "random", "itertools", "collections", "collections.abc", "re"),
    *("string", "statistics", "functools", "fractions", "decimal", "heapq", "bisect", "textwrap"),
    *("operator", "dataclasses", "typing", "enum"),
)
ALLOWED = (*MODULES, "__future__")
# What these modules and the interpreter import lazily. Nothing can be opened once confined.
NEEDED = (
    *("time", "_strptime", "locale", "calendar", "numbers", "unicodedata", "linecache"),
    *("copy", "contextlib", "warnings", "reprlib", "keyword", "weakref", "traceback"),
    *("encodings.ascii", "encodings.latin_1", "encodings.cp1252", "encodings.cp437"),
    *("encodings.utf_8_sig", "encodings.utf_16", "encodings.utf_32"),
    *("encodings.utf_16_le", "encodings.utf_16_be", "encodings.utf_32_le", "encodings.utf_32_be"),
    *("encodings.unicode_escape", "encodings.raw_unicode_escape"),
)
# They evaluate strings or walk attributes named by strings.
WITHHELD = {"typing": {"get_type_hints", "ForwardRef"}, "operator": {"attrgetter", "methodcaller"}}


def preload() -> None:
    for name in (*ALLOWED, *NEEDED):
        import_module(name)
    for name in ALLOWED:
        _facades[name] = _facade(name)
    vars(_facades["collections"])["abc"] = _facades["collections.abc"]
    vars(_facades["operator"]).update(attrgetter=_attrgetter, methodcaller=_methodcaller)
    vars(_facades["string"])["Formatter"] = _Formatter
    vars(_facades["functools"]).update(update_wrapper=_update_wrapper, wraps=_wraps)


def guarded_import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """Stand in for the `__import__` of a program."""
    if type(name) is str and level == 0 and name in _facades:
        return _facades[name if fromlist else name.partition(".")[0]]
    if isinstance(fromlist, list) and name in sys.modules:
        # C code of the standard library imports through its caller and ignores what comes back:
        # datetime.strftime does it with `time`.
        return None
    raise ImportError(f'"{name}" is not available in the sandbox. {_offer()}')


def _offer() -> str:
    return f"Modules to use: {', '.join(MODULES)}."


def _facade(name: str) -> types.ModuleType:
    module = import_module(name)
    facade = types.ModuleType(name, module.__doc__)
    public = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    withheld = WITHHELD.get(name, set())
    for key in public:
        value = getattr(module, key)
        if not isinstance(value, types.ModuleType) and key not in withheld:
            vars(facade)[key] = value
    for unused in ("__loader__", "__spec__", "__package__"):
        vars(facade).pop(unused)
    return facade


def _attrgetter(*names: str) -> Callable[[Any], Any]:
    return operator.attrgetter(*(".".join(checked(part) for part in _parts(n)) for n in names))


def _methodcaller(name: str, /, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
    return operator.methodcaller(checked(name), *arguments, **options)


def _update_wrapper(
    wrapper: Callable[..., Any],
    wrapped: Callable[..., Any],
    assigned: Sequence[str] = functools.WRAPPER_ASSIGNMENTS,
    updated: Sequence[str] = functools.WRAPPER_UPDATES,
) -> Callable[..., Any]:
    if tuple(updated) != functools.WRAPPER_UPDATES:
        raise NotAvailable("the argument updated of functools.update_wrapper")
    names = [checked(name) for name in assigned]
    return functools.update_wrapper(wrapper, wrapped, names, functools.WRAPPER_UPDATES)


def _wraps(wrapped: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    return functools.partial(_update_wrapper, wrapped=wrapped, **options)


def _parts(name: object) -> list[str]:
    if type(name) is not str:
        raise TypeError("attribute name must be a string")
    return name.split(".")


class _Formatter(string.Formatter):
    """string.Formatter hands out the objects that a field names, not only their text."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        for part in str(field_name).replace("[", ".").split("."):
            checked(part)
        return super().get_field(field_name, args, kwargs)


_facades: dict[str, types.ModuleType] = {}
