"""The site: pip install -e '.[docs]' && sphinx-build -W docs build/html.

Pages that are made of the code are written by scripts/make_site_pages.py at each build. Notebooks are shown as they are
written; LIFE_JAX_STORIES=force (or auto, cache: execution modes of myst-nb) runs them too, which takes minutes.
"""

import os
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [os.fspath(DOCS.parent), os.fspath(DOCS.parent / "scripts")]

import make_site_pages  # noqa: E402

import life_jax  # noqa: E402

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
nb_execution_mode = os.environ.get("LIFE_JAX_STORIES", "off")
nb_execution_timeout = 600


def setup(app: Any) -> None:
    """Write the pages that are made of the code, and point links at pages of the site."""
    app.connect("builder-inited", lambda app: make_site_pages.write(DOCS))

    def rewrite(app: Any, docname: str, source: list[str]) -> None:
        source[0] = make_site_pages.as_in_the_site(source[0], docname)

    app.connect("source-read", rewrite)
