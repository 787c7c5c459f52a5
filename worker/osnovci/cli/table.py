"""Tables for the terminal."""


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Align rows as kubectl does."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
