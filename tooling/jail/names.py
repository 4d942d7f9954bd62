"""Which attribute names a program may use."""

from __future__ import annotations

# Frames, code, tracebacks, generators' insides and annotations' evaluation: each leads to the
# globals of other code.
INSIDES = {
    *("f_back", "f_builtins", "f_code", "f_globals", "f_lasti", "f_lineno", "f_locals", "f_trace"),
    *("f_trace_lines", "f_trace_opcodes", "f_generator", "tb_frame", "tb_lasti", "tb_lineno"),
    *("tb_next", "gi_code", "gi_frame", "gi_running", "gi_suspended", "gi_yieldfrom", "cr_await"),
    *("cr_code", "cr_frame", "cr_origin", "cr_running", "cr_suspended", "ag_await", "ag_code"),
    *("ag_frame", "ag_running", "ag_suspended", "_evaluate"),
}

_ORDINARY_WORDS = """
    init new del post_init init_subclass set_name class_getitem prepare instancecheck subclasscheck
    repr str format bytes hash bool len length_hint iter next reversed contains missing
    getitem setitem delitem call enter exit aenter aexit aiter anext await
    eq ne lt le gt ge pos neg abs invert int float complex index round trunc floor ceil
    add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor
    iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor
    getattr setattr delattr get set delete slots match_args copy deepcopy dir
    name qualname doc module class annotations type_params defaults kwdefaults mro bases
    cause context notes suppress_context wrapped members all origin args
    dataclass_fields dataclass_params
"""
# Double-underscore names that ordinary classes define, call or print; all others are refused.
ORDINARY = frozenset(f"__{word}__" for word in _ORDINARY_WORDS.split())


class NotAvailable(Exception):
    """The program used something that the sandbox withholds."""

    def __init__(self, what: str, reason: str = "") -> None:
        super().__init__(f"{what} is not available in the sandbox{reason and ': ' + reason}.")


NotAvailable.__module__ = "builtins"  # a traceback shows the bare name


def allowed_attribute(name: str) -> bool:
    if name.startswith("__") and name.endswith("__"):
        return name in ORDINARY
    return name not in INSIDES


def checked(name: object) -> str:
    """Give an attribute name that came at run time, if a program may use it."""
    if type(name) is not str:  # a subclass could read differently the second time
        raise TypeError("attribute name must be a plain string")
    if not allowed_attribute(name):
        raise NotAvailable(f'the attribute "{name}"')
    return name
