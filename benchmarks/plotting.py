"""Curves over seconds as one SVG: panels below each other, each with its own scale."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 760
LEFT = 90
RIGHT = 20
TOP = 44
PANEL = 150
GAP = 56
COLOURS = ("#1b6ca8", "#c8553d", "#4a7c59", "#7d4f9e")


class Panel(NamedTuple):
    """One scale and its curves.

    Attributes:
        title: What is drawn, with its unit.
        curves: Names to values, one for each time.
    """

    title: str
    curves: Mapping[str, Sequence[float]]


def drawn(title: str, seconds: Sequence[float], panels: Sequence[Panel]) -> str:
    """The text of an SVG file.

    Args:
        title: Stands above everything.
        seconds: When values were read, in order; two at least.
        panels: From top to bottom.
    """
    height = TOP + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        "<style>text {font-size: 12px; fill: #222}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, seconds, TOP + 20 + number * (PANEL + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, seconds: Sequence[float], top: float) -> list[str]:
    most = _round_up(max(max(values) for values in panel.curves.values()))
    last = seconds[-1]
    parts = [f'<text x="{LEFT}" y="{top - 8}">{escape(panel.title)}</text>']
    for step in range(5):
        y = top + PANEL * (1 - step / 4)
        parts += [
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * step / 4:,.6g}</text>',
        ]
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / 4
        parts.append(
            f'<text x="{x:.1f}" y="{top + PANEL + 16}" text-anchor="middle">{last * step / 4:.0f} s</text>'
        )
    for number, (name, values) in enumerate(panel.curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{LEFT + (WIDTH - LEFT - RIGHT) * at / last:.1f},{top + PANEL * (1 - value / most):.1f}"
            for at, value in zip(seconds, values, strict=True)
        )
        place = f'x="{WIDTH - RIGHT}" y="{top - 8 + 14 * (number + 1)}" text-anchor="end"'
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text {place} style="fill: {colour}">{escape(name)}</text>',
        ]
    return parts


def _round_up(value: float) -> float:
    """The next number that divides well: 1, 2, 4 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((factor * power for factor in (1, 2, 4, 8) if value <= factor * power), 10 * power)
