"""The canary itself, and what the package must never contain."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import omnillm

TOLD = """
import logging
def test_log(): logging.getLogger("omnillm.any").debug("this is %s", "sk-" + "good")
def test_print(): print("admin-" + "journey-1")
def test_well(): print("a risk-free task on a disk-full machine")
"""
IMPORTING = """
import pkgutil, sys
ACTS = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir", "urllib.", "sqlite3.")
def watch(event, arguments):
    if event.startswith(ACTS) and event != "socket.__new__" or event == "open" and set(str(arguments[1])) & set("wax+"):
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(watch)
import omnillm
names = [module.name for module in pkgutil.walk_packages(omnillm.__path__, "omnillm.") if module.name != "omnillm.__main__"]
for name in names:
    __import__(name)
print(len(names))
"""
SOURCES = sorted(Path(omnillm.__file__).parent.rglob("*.py"))
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "subprocess", "jinja2", "pty", "ctypes", "multiprocessing"}
SUSPECT = re.compile(rf"[^\x00-\x7f]|\b(?:yaml|os|{'|'.join(FORBIDDEN_MODULES)})\b|(?<![.\w])(?:{'|'.join(FORBIDDEN_CALLS)})\b")
"""Without one of these words, and letters that Python reads as one of theirs, no line can be forbidden: that file need not be parsed."""
CALL_INTO_C = 'getattr(ctypes.CDLL(None), "mallopt", None)'
"""The one place where the process's own C library is asked for something by name."""


def test_a_told_secret_fails_its_test(tmp_path: Path) -> None:
    """A log record of any level and a printed line; words that only look like one do not."""
    path = tmp_path / "test_told.py"
    path.write_text(TOLD)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:randomly", "-c", "/dev/null", str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert "2 failed, 1 passed" in told.stdout
    assert "test_log logged or printed a secret: sk-good" in told.stdout


def test_the_package_runs_no_code_that_it_is_given() -> None:
    """No eval, no exec, no pickle, no template, no shell, no unsafe YAML: half of the advisories against gateways began there."""
    assert len(SOURCES) > 100
    assert [problem for path in SOURCES for problem in problems(path) if not path.match("assemble/memory.py")] == []


def test_the_c_library_is_asked_for_one_thing_only() -> None:
    """The heap's settings, by a name that stands in the source: nothing that somebody gives leads there."""
    [memory] = [path for path in SOURCES if path.match("assemble/memory.py")]
    source = memory.read_text()
    assert problems(memory) == [f"{memory}:{source[: source.index('import ctypes')].count(chr(10)) + 1}"]
    assert source.count("ctypes") == 2
    assert source.count(CALL_INTO_C) == 1


def test_an_import_does_nothing() -> None:
    """No connection, no process, no file: whatever the package needs from outside, it is told so first."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    imported = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False, env=environment)
    assert imported.returncode == 0, imported.stderr
    assert int(imported.stdout) > 100


def problems(path: Path) -> list[str]:
    source = path.read_text()
    return [f"{path}:{node.lineno}" for node in ast.walk(ast.parse(source)) if is_forbidden(node)] if SUSPECT.search(source) else []


def is_forbidden(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(name.name.partition(".")[0] in FORBIDDEN_MODULES for name in names)
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] in FORBIDDEN_MODULES
        case ast.Call(func=ast.Name(id=name)):
            return name in FORBIDDEN_CALLS
        case ast.Call(func=ast.Attribute(value=ast.Name(id="yaml"), attr=name)):
            return name.startswith(("load", "unsafe", "full"))
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)):
            return name in FORBIDDEN_CALLS or name.startswith(("exec", "spawn"))
    return False
