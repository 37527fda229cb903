"""The shape of a JSON document: keys and types at every level."""

import json


def shape(value: object) -> object:
    """Describe a document; a list by the different shapes of its items, numbers all alike."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each), sort_keys=True) for each in value})
    return "number" if isinstance(value, int | float) else type(value).__name__
