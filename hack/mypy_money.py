"""A plugin of mypy: where money is counted, no arithmetic of Decimal by the ambient context.

`a + b` of two Decimals is rounded, or raises, by whatever context the thread has; money goes through
`domain.quantities` instead (`MONEY.add(a, b)`), so that nothing outside can change an order. mypy knows the
type of every operand, so that nothing is missed by a guess and nothing refused by one. Comparisons, `min`,
`max`, `copy_abs`, `copy_negate` and fixed-point text need no context.
"""

from collections.abc import Callable

from mypy.plugin import FunctionContext, MethodContext, Plugin
from mypy.types import Type

MONEY_PACKAGES = ("core", "risk", "positions", "orders", "domain", "market")
ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow")
ALONE = ("neg", "pos", "abs", "round", "floor", "ceil")
OPERATORS = frozenset(
    [f"decimal.Decimal.__{side}{name}__" for name in ARITHMETIC for side in ("", "r")]
    + [f"decimal.Decimal.__{name}__" for name in ALONE]
)
ROUNDING = (
    *("quantize", "normalize", "sqrt", "exp", "ln", "log10", "fma", "scaleb", "remainder_near"),
    *("to_integral_value", "to_integral_exact", "to_integral", "next_plus", "next_minus", "max", "min"),
)
METHODS = frozenset(f"decimal.Decimal.{name}" for name in ROUNDING)
BUILTINS = frozenset(f"builtins.{name}" for name in ("sum", "abs", "round", "divmod", "pow"))


class Money(Plugin):
    """Refuses what would read the ambient context."""

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """For `a + b`, which mypy checks as a call of `__add__`, and for methods of Decimal."""
        if fullname in OPERATORS:
            return _operator
        return _method if fullname in METHODS else None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """For sum, abs and their like."""
        return _builtin if fullname in BUILTINS else None


def plugin(version: str) -> type[Plugin]:
    """What mypy asks a plugin for."""
    return Money


def _operator(context: MethodContext) -> Type:
    _refuse(context, "arithmetic of Decimal")
    return context.default_return_type


def _method(context: MethodContext) -> Type:
    formals = context.callee_arg_names
    given = [name for name, found in zip(formals, context.args, strict=False) if found]
    if "context" not in given:
        _refuse(context, "a method of Decimal without its context")
    return context.default_return_type


def _builtin(context: FunctionContext) -> Type:
    if "decimal.Decimal" in str(context.default_return_type):
        _refuse(context, "sum, abs or round of Decimal")
    return context.default_return_type


def _refuse(context: MethodContext | FunctionContext, what: str) -> None:
    path = str(getattr(context.api, "path", "")).replace("\\", "/")
    if any(f"tradefleet/{package}/" in path for package in MONEY_PACKAGES):
        hint = "use domain.quantities (MONEY.add, divide, total, along)"
        context.api.fail(f"{what} by the ambient context; {hint}", context.context)
