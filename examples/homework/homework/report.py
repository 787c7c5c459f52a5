"""A student's report as a PDF. Pure: rows in, bytes out."""

from fpdf import FPDF


def report_pdf(student: str, rows: list[tuple[str, bool]]) -> bytes:
    """Write a page that lists a student's homework and how much of it is done."""
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=16)
    page.cell(0, 12, f"Homework of {student}", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", size=11)
    for title, done in rows:
        page.cell(0, 8, f"[{'x' if done else ' '}] {title}", new_x="LMARGIN", new_y="NEXT")
    finished = sum(done for _, done in rows)
    page.cell(0, 12, f"{finished} of {len(rows)} done", new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())
