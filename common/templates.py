"""Question templates: `{{name}}` is replaced by a value, and nothing else is interpreted."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\{\{\s*(\w*)\s*\}\}")


def variables(template: str) -> frozenset[str]:
    """Return the names that a template uses."""
    return frozenset(_VARIABLE.findall(template))


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill a template whose variables were checked when it was saved."""
    return _VARIABLE.sub(lambda match: values[match[1]], template)
