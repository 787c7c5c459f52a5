"""A statement without its values: what slow statements are known by in logs. Pure.

Literals and parameters become `?`, lists of them one `?`; comments go, space is one space, and
keywords are small, so that statements that differ only in values are one. As PostgreSQL's lexer
reads them with standard_conforming_strings, its default. What does not end is a literal to its end.
"""

import re
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase

LITERAL = "?"
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n\r]*)
  | (?P<comment>/\*)
  | (?P<literal>
        [eE]'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)                # E'it\'s'
      | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)          # 'it''s'
      | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)  # $tag$ ... $tag$
      | \$\d+                                             # a parameter
      | 0[xX][0-9a-fA-F_]+ | 0[oO][0-7_]+ | 0[bB][01_]+
      | (?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?
    )
  | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*(?:"|\Z))
  | (?P<word>[^\W\d][\w$]*)
  | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+)
  | (?P<mark>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_LETS_OPERATOR_END_IN_A_SIGN = re.compile(r"[~!@#%^&|`?]")
_BEFORE_A_SIGN = re.compile(r"[-+*/<>=~!@#%^&|`]+|[(\[,]")
_TIGHT_AFTER = {"(", "[", ".", "::"}
_TIGHT_BEFORE = {")", "]", "[", ".", "::", ",", ";"}


@lru_cache(maxsize=1024)
def fingerprint(statement: str) -> str:
    """Give the statement without its values; giving it that again changes nothing."""
    kept: list[str] = []
    for token in _tokens(statement):
        kept.append(token)
        _shorten(kept)
    while kept and kept[-1] == ";":
        kept.pop()
    return _written(kept)


def _tokens(statement: str) -> list[str]:
    found: list[str] = []
    at = 0
    while match := _TOKEN.match(statement, at):
        at, text = match.end(), match.group()
        kind = match.lastgroup if match.lastgroup != "tag" else "literal"
        if kind == "comment":
            at = _comment_end(statement, at)
        elif kind == "literal":
            found.append(LITERAL)
        elif kind == "word":
            found.append(text.translate(_SMALL))
        elif kind == "operator":
            found.extend(_operators(text))
        elif kind != "space":
            found.append(text)
    return found


def _comment_end(statement: str, at: int) -> int:
    """Comments nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(statement, at):
        depth += 1 if edge.group() == "/*" else -1
        if not depth:
            return edge.end()
    return len(statement)


def _operators(text: str) -> list[str]:
    """Split `=-` as PostgreSQL does: an operator of plain signs does not end in one."""
    signs: list[str] = []
    while len(text) > 1 and text[-1] in "+-" and not _LETS_OPERATOR_END_IN_A_SIGN.search(text):
        signs.insert(0, text[-1])
        text = text[:-1]
    return [text, *signs]


def _shorten(kept: list[str]) -> None:
    """Make one of what the newest token ended: a signed number, a list of literals or of rows."""
    if kept[-1] == LITERAL:
        while kept[-2:-1] in (["-"], ["+"]) and (
            len(kept) == 2 or _BEFORE_A_SIGN.fullmatch(kept[-3])  # noqa: PLR2004  # sign, literal
        ):
            del kept[-2]
        if kept[-3:] == [LITERAL, ",", LITERAL]:
            del kept[-2:]
    elif kept[-7:] == ["(", LITERAL, ")", ",", "(", LITERAL, ")"]:
        del kept[-4:]


def _written(tokens: list[str]) -> str:
    text = ""
    last = "("
    for token in tokens:
        text += token if last in _TIGHT_AFTER or token in _TIGHT_BEFORE else f" {token}"
        last = token
    return text
