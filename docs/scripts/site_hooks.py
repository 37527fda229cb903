"""What MkDocs does to the pages beside rendering them: links out of docs/, and diagrams.

On a code host a page links to the code beside it, and draws its diagrams. The site has neither the
code nor a script from another host: such a link becomes its text, and a diagram the picture that
`docs/scripts/diagrams.py` has drawn of it.
"""

import posixpath
import re
from typing import Any

from diagrams import DIAGRAM, DOCS, picture_of
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = DOCS.parent
_BENCH = "images/bench"
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
# Whatever a browser fetches by itself; what a person follows may lead anywhere.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=["']?https?://[^>]*>"""
)
_ALT = "A diagram; its text stands in the page's source"


def on_files(files: Any, *, config: Any, **_: Any) -> Any:
    """Add the pictures that `make bench` draws, which stand outside of docs/."""
    for picture in sorted((ROOT / "bench").glob("*.png")):
        name = f"{_BENCH}/{picture.name}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Any, **_: Any) -> str:
    """Return the page's text as the site shows it."""
    folder = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        path = posixpath.normpath(posixpath.join(folder, target.partition("#")[0]))
        outside = not re.match(r"[a-z]+:|#", target) and files.get_file_from_path(path) is None
        return text if outside else found.group(0)

    def diagram(found: re.Match[str]) -> str:
        to_root = posixpath.relpath(".", folder or ".")
        return f"![{_ALT}]({to_root}/images/diagrams/{picture_of(found.group(1))})"

    inside = markdown.replace("](../bench/", f"]({_BENCH}/")
    return DIAGRAM.sub(diagram, _LINK.sub(link, inside))


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Refuse a page that fetches something from another host."""
    if found := _FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} fetches from another host: {found.group(0)}")
    return output
