"""Schema changes as SQL files, `<database>_<number>.sql`, applied in order and never edited once released."""

from importlib.resources import files


def scripts(database: str) -> list[str]:
    """All scripts of `database` ("sqlite"), first to last: script n brings schema n - 1 to n."""
    found = {
        int(entry.name.removeprefix(f"{database}_").removesuffix(".sql")): entry.read_text("utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.startswith(f"{database}_") and entry.name.endswith(".sql")
    }
    return [found[number] for number in range(1, len(found) + 1)]
