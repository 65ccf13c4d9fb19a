"""Fails when a source file is over 325 lines or a function over 60; prints the ten largest of each, so that growth is seen.

A file ought to have under 300. The maximum stands just above the longest there is: whoever shortens that one lowers it.
"""

import ast
import sys
from pathlib import Path

GOOD_FILE, MAX_FILE, MAX_FUNCTION = 300, 325, 60
ROOT = Path(__file__).parents[1] / "src" / "omnillm"


def main() -> int:
    files = sorted(((len(path.read_text().splitlines()), path) for path in ROOT.rglob("*.py")), reverse=True)
    functions = sorted((entry for _, path in files for entry in functions_of(path)), reverse=True)
    print(f"{sum(lines > GOOD_FILE for lines, _ in files)} of {len(files)} files have over {GOOD_FILE} lines")
    print("largest files:", *(f"  {lines:4} {path.relative_to(ROOT)}" for lines, path in files[:10]), sep="\n")
    print("largest functions:", *(f"  {lines:4} {name}" for lines, name in functions[:10]), sep="\n")
    return int(files[0][0] > MAX_FILE or functions[0][0] > MAX_FUNCTION)


def functions_of(path: Path) -> list[tuple[int, str]]:
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


if __name__ == "__main__":
    sys.exit(main())
