"""Makes text of others safe to show in a terminal, which obeys control characters."""


def printable(text: str) -> str:
    r"""Write what would not show, or would make the rest show otherwise, as `\x1b`."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
