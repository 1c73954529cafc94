"""What a recording rule's expression must be before any server is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser

# The parser walks its tree recursively and a few thousand nested operators overflow the C stack,
# which kills the process; no expression written by people comes near this.
MAX_TOKENS = 2_000
MAX_CHARACTERS = 32_768

_TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"""|(?P<comment>\#[^\n]*)|(?P<space>\s+)|(?P<word>[\w:.]+)|(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)


def check_promql(expr: str) -> None:
    """Raise ValueError unless expr is PromQL that gives an instant vector or a scalar."""
    if not expr.strip():
        raise ValueError("the expression is empty")
    if len(expr) > MAX_CHARACTERS:
        raise ValueError(f"the expression has {len(expr)} characters, at most {MAX_CHARACTERS}")
    for tokens, _ in enumerate(_tokens(expr), start=1):
        if tokens > MAX_TOKENS:
            raise ValueError(f"the expression has more than {MAX_TOKENS} words and operators")
    try:
        tree = promql_parser.parse(expr)
    except ValueError as error:
        raise ValueError(
            f"not valid PromQL: {error} (if it is MetricsQL, write it in PromQL: "
            "any server with Prometheus' API must be able to evaluate it)"
        ) from None
    while isinstance(tree, promql_parser.ParenExpr):
        tree = tree.expr
    if isinstance(tree, (promql_parser.MatrixSelector, promql_parser.SubqueryExpr)):
        raise ValueError("the expression gives a range of samples, wanted one value per series")
    if isinstance(tree, promql_parser.StringLiteral):
        raise ValueError("the expression gives a string, wanted one value per series")


def canonical(expr: str) -> str:
    """Return expr without comments and with one kind of white space, to tell equal expressions."""
    return " ".join(_tokens(expr))


def _tokens(expr: str) -> Iterator[str]:
    for found in _TOKEN.finditer(expr):
        if found.lastgroup not in ("space", "comment"):
            yield found.group()
