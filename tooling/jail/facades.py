"""The modules that a program may import, as facades: their public names, no modules behind them."""

from __future__ import annotations

import functools
import hashlib
import operator
import string
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from tooling.jail import stand_ins
from tooling.jail.names import NotAvailable, checked
from tooling.jail.offers import ALLOWED, NEEDED, ONLY, WITHHELD, refusal


def preload() -> None:
    for name in (*ALLOWED, *NEEDED):
        import_module(name)
    for name in ALLOWED:
        _facades[name] = _facade(name)
    vars(_facades["collections"])["abc"] = _facades["collections.abc"]
    vars(_facades["operator"]).update(attrgetter=_attrgetter, methodcaller=_methodcaller)
    vars(_facades["string"])["Formatter"] = _Formatter
    vars(_facades["functools"]).update(update_wrapper=_update_wrapper, wraps=_wraps)
    vars(_facades["io"])["open"] = stand_ins.open_nothing
    vars(_facades["time"])["sleep"] = stand_ins.sleep
    vars(_facades["uuid"])["uuid1"] = stand_ins.make_uuid1
    vars(_facades["zoneinfo"])["available_timezones"] = stand_ins.zone_names
    for name in sorted(hashlib.algorithms_guaranteed):  # OpenSSL loads what they need
        hashlib.new(name, usedforsecurity=False)
    stand_ins.read_zones()


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
    raise ImportError(refusal(name))


def _facade(name: str) -> types.ModuleType:
    module = import_module(name)
    facade = stand_ins.system() if name == "sys" else types.ModuleType(name, module.__doc__)
    public = ONLY.get(name) or getattr(module, "__all__", None) or _public(module)
    withheld = WITHHELD.get(name, set())
    for key in public:
        value = getattr(module, key)
        if not isinstance(value, types.ModuleType) and key not in withheld:
            vars(facade)[key] = value
    for unused in ("__loader__", "__spec__", "__package__"):
        vars(facade).pop(unused)
    return facade


def _public(module: types.ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


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
