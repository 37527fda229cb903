"""Answers in pages: the same question again with each page's token, until there is none."""

from collections.abc import Iterator
from typing import Any

from common.errors import TransientError
from infra.alpaca.http import AlpacaHttp, Params


def pages(http: AlpacaHttp, path: str, params: Params) -> Iterator[dict[str, Any]]:
    """Yield every page; raises TransientError when one is no page, or comes round again."""
    token: str | None = None
    seen: set[str | None] = set()
    while token not in seen:
        seen.add(token)
        page = http.get(path, {**params, "page_token": token} if token else params)
        if not isinstance(page, dict):
            raise TransientError(f"broker sent no page at {path}")
        yield page
        token = page.get("next_page_token") or None
        if token is None:
            return
    raise TransientError(f"broker's pages at {path} go round in a circle")
