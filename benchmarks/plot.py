"""The ratios of a run as horizontal bars, one SVG."""

from html import escape
from pathlib import Path
from typing import Any

ROW, LEFT, RIGHT = 26, 330, 560
STYLE = "font-family:system-ui,sans-serif;font-size:13px;fill:#222"


def write_plot(report: dict[str, Any], path: Path) -> None:
    """Each row that has a ratio to nginx: by CPU a request, which holds on a shared machine."""
    rows = [
        (str(row["case"]), float(row["cpu_ratio"])) for row in report["rows"] if "yardstick_rps" in row and " to " not in str(row["case"])
    ]
    longest = max([ratio for _, ratio in rows], default=1.0)
    height = ROW * len(rows) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + RIGHT + 80}" height="{height}" style="background:#fff">',
        f'<text x="12" y="24" style="{STYLE};font-weight:600">CPU a request, nginx proxy_pass = 1 ({escape(report["date"])})</text>',
    ]
    for number, (case, ratio) in enumerate(rows):
        y = 44 + ROW * number
        width = max(ratio / longest * RIGHT, 1)
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end" style="{STYLE}">{escape(case)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="18" fill="#3b6ea5"/>',
            f'<text x="{LEFT + width + 8:.1f}" y="{y + 14}" style="{STYLE}">{ratio:.3f}</text>',
        ]
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")
