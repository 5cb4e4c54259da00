"""The site: pip install -e '.[docs]' && sphinx-build -W docs build/html.

Pages that are made of the code are written by scripts/make_site_pages.py at each build. Notebooks are run, which takes
some minutes, and what they print is kept in build/stories for the next build of the same code and facts;
LIFE_JAX_STORIES=off shows them as they are written (or force: execution modes of myst-nb).
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [os.fspath(DOCS.parent), os.fspath(DOCS.parent / "scripts")]

import make_site_pages  # noqa: E402

import life_jax  # noqa: E402
from life_jax.core import own_code  # noqa: E402


def state() -> str:
    """A hash of all that stories show numbers of: the code, and the facts of conf/."""
    whole = hashlib.sha256(own_code.code_hash().encode())
    for path in sorted((DOCS.parent / "conf").rglob("*.yaml")):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


project = "life_jax"
author = "the authors of life_jax"
version = release = life_jax.__version__
extensions = ["myst_nb"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "life_jax"
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": {"reference/catalogue/*": []},  # whose tables are wide
    "footer_end": [],
}
html_sidebars = {name: [] for name in ("*", "reference/*", "reference/project/*", "reference/stories/*")}
html_css_files = ["site.css"]
html_static_path = ["_static"]
myst_heading_anchors = 3
nb_execution_mode = os.environ.get("LIFE_JAX_STORIES", "cache")
nb_execution_cache_path = os.fspath(DOCS.parent / "build" / "stories" / state())
nb_execution_timeout = 600
nb_execution_in_temp = True  # their files are nobody's
nb_execution_raise_on_error = True


def setup(app: Any) -> None:
    """Write the pages that are made of the code, and point links at pages of the site."""
    app.connect("builder-inited", lambda app: make_site_pages.write(DOCS))

    def rewrite(app: Any, docname: str, source: list[str]) -> None:
        source[0] = make_site_pages.as_in_the_site(source[0], docname)

    app.connect("source-read", rewrite)
