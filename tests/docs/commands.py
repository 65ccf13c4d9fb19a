"""Runs what the pages show after `$ `: our commands in this process, SQLite's by its library, others in a shell."""

import asyncio
import contextlib
import io
import os
import shlex
import sqlite3
import sys

from omnillm.cli.main import main


def run(command: str) -> tuple[int, str]:
    """Exit code, and what it tells: ours in this process, SQLite's by its library, others in a shell."""
    words = [os.path.expandvars(word) for word in shlex.split(command)]
    if words[0] == "omnillm":
        return run_ours(words)
    if words[0] == "sqlite3":
        return run_sql(words[1], words[2])
    return asyncio.run(run_shell(command))


def run_ours(words: list[str]) -> tuple[int, str]:
    raw = io.BytesIO()
    told = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    before, sys.argv = sys.argv, words
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), raw.getvalue().decode()
    finally:
        sys.argv = before
    return 0, raw.getvalue().decode()


def run_sql(database: str, statement: str) -> tuple[int, str]:
    """No command of the shell's own: `.backup` begins anew whenever the gateway has written, and never ends where it writes much."""
    with contextlib.closing(sqlite3.connect(database)) as ledger:
        ledger.execute(statement)
    return 0, ""


async def run_shell(command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()
