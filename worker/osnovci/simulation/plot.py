"""A replay as an SVG: workers over time, one line a policy, above the arrivals. Pure."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from osnovci.simulation.outcome import Outcome
from osnovci.simulation.trace import Trace

WIDTH, HEIGHT, LEFT, TOP, RIGHT = 960, 520, 60, 60, 20
PANEL = 260
BARS_TOP, BARS = 370, 100
COLORS = ("#0b6e4f", "#c1440e", "#7a5195", "#bc9a00", "#2f6db5", "#555555")
BUCKETS = 160


def svg(trace: Trace, outcomes: Sequence[Outcome], target_wait: float) -> str:
    """Draw it."""
    most = max(1, *(each.most_workers for each in outcomes))
    parts = [
        _head(),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 20, f"{trace.name}: workers by policy, targetWait {target_wait:g}s"),
        *_axes(trace, most),
        # The first policy last, and so on top.
        *reversed(
            [
                _line(trace, each, most, color)
                for each, color in zip(outcomes, _colors(), strict=False)
            ]
        ),
        *_legend(outcomes),
        *_arrivals(trace),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _head() -> str:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'


def _colors() -> Sequence[str]:
    return COLORS * 4


def _x(at: float, trace: Trace) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / trace.end


def _y(workers: float, most: int) -> float:
    return TOP + PANEL * (1 - workers / most)


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str = "black") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def _axes(trace: Trace, most: int) -> list[str]:
    lines: list[str] = []
    for share in (0, 0.5, 1):
        y = _y(most * share, most)
        lines += [
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            _text(LEFT - 6, y + 4, f"{most * share:g}", "end"),
        ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = _x(trace.end * share, trace)
        anchor = "end" if share == 1 else "middle"
        lines.append(_text(x, TOP + PANEL + 18, f"{trace.end * share / 60:.0f} min", anchor))
    return lines


def _line(trace: Trace, result: Outcome, most: int, color: str) -> str:
    path = f"M{_x(0, trace):.1f} {_y(0, most):.1f}"
    for at, workers in result.changes:
        path += f"H{_x(at, trace):.1f}V{_y(workers, most):.1f}"
    path += f"H{_x(trace.end, trace):.1f}"
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>'


def _legend(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        _text(LEFT + 180 * number, 42, f"{each.policy}: {each.late_share:.1%} late", fill=color)
        for number, (each, color) in enumerate(zip(outcomes, _colors(), strict=False))
    ]


def _arrivals(trace: Trace) -> list[str]:
    counts = [0] * BUCKETS
    for at, _ in trace.jobs:
        counts[min(int(at / trace.end * BUCKETS), BUCKETS - 1)] += 1
    width = (WIDTH - LEFT - RIGHT) / BUCKETS
    most = max(counts)
    seconds = trace.end / BUCKETS
    bars = [
        f'<rect x="{LEFT + number * width:.1f}" y="{BARS_TOP + BARS * (1 - count / most):.1f}" '
        f'width="{width:.1f}" height="{BARS * count / most:.1f}" fill="#9ab"/>'
        for number, count in enumerate(counts)
        if count
    ]
    caption = f"arrivals, at most {most} jobs in {seconds:.0f} s"
    return [*bars, _text(LEFT, BARS_TOP + BARS + 20, caption)]
