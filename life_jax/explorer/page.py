"""The page: its script, style and skeleton, as files that a server hands out or as one text that needs no server."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).resolve().parent / "assets"
SCRIPTS = (
    "base.js",
    "state.js",
    "charts.js",
    "controls.js",
    "views.js",
    "trade.js",
    "load.js",
    "plan.js",
    "snapshot.js",
    "main.js",
)
STYLE = "style.css"
# where there is a server: nothing from elsewhere, nothing inline, no frame around it
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def asset(name: str) -> str:
    """The text of a file of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def _filled(head: str, body: str) -> str:
    return asset("page.html").replace("\nHEAD\n", f"\n{head}\n", 1).replace("\nBODY\n", f"\n{body}\n", 1)


def served() -> str:
    """The page of a server, whose script and style are beside it."""
    scripts = "\n".join(f'<script src="{name}"></script>' for name in SCRIPTS)
    return _filled(f'<link rel="stylesheet" href="{STYLE}">\n<link rel="icon" href="data:,">', scripts)


def whole(snapshot: Any) -> str:
    """The page as one text that carries a precomputed grid and loads nothing.

    snapshot: answers and menus as plain data. Its texts are data for the script, which makes text nodes of them.
    """
    script, style = "\n".join(asset(name) for name in SCRIPTS), asset(STYLE)
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data: blob:"
    data = json.dumps(snapshot, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":  # which would end the element, or a line of the script
        data = data.replace(character, f"\\u{ord(character):04x}")
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<link rel="icon" href="data:,">\n'
        f"<style>{style}</style>"
    )
    return _filled(head, f'<script type="application/json" id="snapshot">{data}</script>\n<script>{script}</script>')


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
