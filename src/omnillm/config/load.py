"""Text or file -> `Settings`, or one ConfigError that tells every problem."""

from collections.abc import Mapping
from pathlib import Path

from omnillm.config.checks import check
from omnillm.config.document import LARGEST, read_document
from omnillm.config.problems import Problems
from omnillm.config.schema import FAILED, Schema
from omnillm.config.settings import Settings
from omnillm.config.substitution import ReadFile, Substitution
from omnillm.errors import ConfigError

LARGEST_FILE = 1024 * 1024
"""The most bytes of a `${file:PATH}`."""


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """Read a configuration file; `${file:PATH}` is relative to its folder."""
    try:
        with path.open("rb") as file:
            raw = file.read(4 * LARGEST)  # a character has at most four bytes; what is longer is refused by its length
        text = raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"cannot be read: {error.strerror}; omnillm init writes one", source=str(path)) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 at byte {error.start}", source=str(path)) from error
    return parse(text, env, source=str(path), read_file=lambda name: _read_file(path.parent / name))


def parse(text: str, env: Mapping[str, str], *, source: str = "omnillm.yaml", read_file: ReadFile | None = None) -> Settings:
    """Read a configuration's text. ConfigError: a line for each problem, `path (line N): what; did you mean X?`."""
    problems = Problems()
    root = read_document(text, source=source)
    settings = Schema(problems, Substitution(env, read_file)).read(root, Settings, "")
    if settings is not FAILED:
        check(settings, problems)
    if problems:
        raise problems.error(source)
    assert isinstance(settings, Settings)
    return settings


def _read_file(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise OSError
    return raw.decode("utf-8")
