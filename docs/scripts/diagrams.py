"""Draws the diagrams of the pages; needs Chromium and npm: `python docs/scripts/diagrams.py`.

Each picture is named by the text that it was drawn of, so that a diagram that has changed has none.
"""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "images" / "diagrams"
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MERMAID = "mermaid@11.17.2"
_OPTIONS = """{startOnLoad: false, theme: "neutral", htmlLabels: false,
    flowchart: {htmlLabels: false}, deterministicIds: true, fontFamily: "sans-serif"}"""


def picture_of(text: str) -> str:
    """Return the name of a diagram's picture."""
    return hashlib.sha256(text.encode()).hexdigest()[:16] + ".svg"


def diagrams() -> dict[str, str]:
    """Return the diagrams of all pages by the names of their pictures."""
    found = (text for page in DOCS.rglob("*.md") for text in DIAGRAM.findall(page.read_text()))
    return {picture_of(text): text for text in found}


def main() -> None:
    """Draw them all anew."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (the site needs only the names)

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        subprocess.run(  # noqa: S603 (our own words)
            [shutil.which("npm") or "npm", "install", "--silent", MERMAID], cwd=folder, check=True
        )
        script = Path(folder) / "node_modules/mermaid/dist/mermaid.min.js"
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.add_script_tag(path=script)
        page.evaluate(f"mermaid.initialize({_OPTIONS})")
        for name, text in diagrams().items():
            drawn = page.evaluate("text => mermaid.render('d', text).then(it => it.svg)", text)
            # A reader in the dark sees it on white, too.
            drawn = drawn.replace('style="', 'style="background: white; ', 1)
            (FOLDER / name).write_text(f"{drawn}\n")
        browser.close()


if __name__ == "__main__":
    main()
