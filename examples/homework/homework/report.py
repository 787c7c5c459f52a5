"""A student's report as a PDF. Pure: rows in, bytes out."""

from collections.abc import Callable, Sequence
from unicodedata import normalize

from fpdf import FPDF


def report_pdf(
    student: str, rows: Sequence[tuple[str, bool]], progress: Callable[[float], None]
) -> bytes:
    """Write pages that list a student's homework and how much of it is done; tell how far it is."""
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=16)
    page.cell(0, 12, f"Homework of {student}", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", size=11)
    for written, (title, done) in enumerate(rows, 1):
        line = f"[{'x' if done else ' '}] {_printable(title)}"
        page.multi_cell(0, 8, line, new_x="LMARGIN", new_y="NEXT")
        progress(written / (len(rows) + 1))
    finished = sum(done for _, done in rows)
    page.cell(0, 12, f"{finished} of {len(rows)} done", new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())


def _printable(text: str) -> str:
    """Keep to what PDF's own fonts have: of letters they lack, the base; of others, a question mark."""
    plain = "".join(
        each if each.encode("latin-1", "ignore") else normalize("NFKD", each)[0] for each in text
    )
    return plain.encode("latin-1", "replace").decode("latin-1")
