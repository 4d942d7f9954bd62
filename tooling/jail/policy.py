"""The policy layer: what a program sees of Python. Reduced builtins, checked attributes.

It makes a model's mistakes clear ("open() is not available") and escapes hard, and it is the second
line only: the operating system's layer holds without it.
"""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Callable
from typing import Any

from tooling.jail.facades import guarded_import
from tooling.jail.names import NotAvailable, allowed_attribute, checked
from tooling.jail.stand_ins import NO_FILES, NO_INPUT, leave

WITHHELD = {
    "open": NO_FILES,
    "input": NO_INPUT,
    "eval": "write the expression into the program itself",
    "exec": "write the statements into the program itself",
    "compile": "write the code into the program itself",
    "breakpoint": "there is no debugger",
    "help": "documentation is not shown here",
}
READ_DICT = "__vars__"  # the builtin that stands in for reading `.__dict__`


def program_module(name: str) -> types.ModuleType:
    """Make the module that the program becomes; classes that it makes find their globals through
    it."""
    module = types.ModuleType(name)
    for unused in ("__loader__", "__spec__", "__package__"):
        vars(module).pop(unused)
    vars(module)["__builtins__"] = program_builtins()
    return module


def program_builtins() -> dict[str, Any]:
    """Make the builtins of one program: a dictionary of its own, so that changing it changes
    nothing."""
    names = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}
    names |= {name: _withheld(name, reason) for name, reason in WITHHELD.items()}
    names |= {"getattr": _getattr, "hasattr": _hasattr, "setattr": _setattr, "delattr": _delattr}
    names |= {"exit": leave, "quit": leave}
    names |= {"vars": _vars, READ_DICT: _vars, "__import__": guarded_import}
    return names | {"__build_class__": builtins.__build_class__}


def checked_tree(tree: ast.Module) -> ast.Module:
    """Make the program with `.__dict__` read through a filter.

    Raises NotAvailable, with the line, at a name that leads out of the program.
    """
    for node in ast.walk(tree):
        for name in _attributes(node):
            if not allowed_attribute(name) and name != "__dict__":
                raise NotAvailable(f'line {node.lineno}: the attribute "{name}"')  # type: ignore[attr-defined]
        if isinstance(node, ast.Name) and node.id == "__builtins__":
            raise NotAvailable(f"line {node.lineno}: __builtins__")
    checked_module: ast.Module = _DictReads().visit(tree)
    return ast.fix_missing_locations(checked_module)


class _DictReads(ast.NodeTransformer):
    """`x.__dict__` becomes `__vars__(x)`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr != "__dict__" or not isinstance(node.ctx, ast.Load):
            return node
        return ast.copy_location(ast.Call(ast.Name(READ_DICT, ast.Load()), [node.value], []), node)

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        if "__dict__" in node.kwd_attrs:
            raise NotAvailable(f'line {node.lineno}: the attribute "__dict__" in a pattern')
        self.generic_visit(node)
        return node


def _attributes(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [node.attr]
    return node.kwd_attrs if isinstance(node, ast.MatchClass) else []


def _withheld(name: str, reason: str) -> Callable[..., Any]:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise NotAvailable(f"{name}()", reason)

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def _vars(*target: Any) -> dict[str, Any]:
    """`vars`. A class shows a copy of what a program may use of it: a descriptor taken from
    `type.__dict__` would do what its name is refused for."""
    if not target:
        raise NotAvailable("vars() without an argument", "use locals()")
    found = vars(*target)
    if isinstance(found, types.MappingProxyType):
        return {name: value for name, value in found.items() if allowed_attribute(name)}
    return found


def _getattr(target: Any, name: str, *default: Any) -> Any:
    return _vars(target) if name == "__dict__" else getattr(target, checked(name), *default)


def _hasattr(target: Any, name: str) -> bool:
    return name == "__dict__" or hasattr(target, checked(name))


def _setattr(target: Any, name: str, value: Any) -> None:
    setattr(target, checked(name), value)


def _delattr(target: Any, name: str) -> None:
    delattr(target, checked(name))
