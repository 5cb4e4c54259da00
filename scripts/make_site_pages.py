"""Writes the pages of the site that are made of the code: the catalogue, the formulas, the Python interface, and the
documents that lie beside docs/. docs/conf.py calls it at every build: sphinx-build -W docs build/html.
"""

import ast
import contextlib
import importlib
import inspect
import io
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import life_jax
from life_jax import catalog

ROOT = Path(__file__).resolve().parents[1]
OPERATORS = ROOT / "life_jax" / "operators"
MADE = "reference"  # the folder of docs/ that is written here
DOCUMENTS = ("CHANGELOG", "CONTRIBUTING", "GLOSSARY", "SECURITY")  # beside docs/
LINK = re.compile(r"(?<=\]\()([^)\s#]+)((?:#[\w-]+)?)(?=\))")
# what a reader does not need of a signature: quotes and modules of types, objects that stand for a default
SIGNATURE = (
    (r"(?<=: )'([^']*)'|(?<=-> )'([^']*)'", r"\1\2"),
    (r"ForwardRef\('([\w.]+)'\)", r"\1"),
    (r"\b(?:\w+\.)+(?=[A-Z_])", ""),
    (r"<[^<>]*>", "..."),
)
NOT_OF_PICTURES = ("is_axis", "new_axes")  # helpers that stand beside the pictures


def catalogue_pages() -> Iterator[tuple[str, str]]:
    """(name, text) of a page for each kind of thing that there is, by `life-jax catalog KIND format=md`."""
    for kind, (_, meaning, _rows) in catalog.LISTINGS.items():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            catalog.catalog([kind, "format=md"])
        title = f"# {meaning.split(':')[0].capitalize()} (`{kind}`)"
        about = f"`life-jax catalog {kind}`, made when this site was built. {meaning[0].upper()}{meaning[1:]}."
        yield f"{MADE}/catalogue/{kind}", f"{title}\n\n{about}\n\n{printed.getvalue()}"


def as_markdown(docstring: str) -> str:
    """Plain text of a docstring as Markdown: what would be markup there is escaped, but not in `code` or in blocks."""
    lines = []
    for line in inspect.cleandoc(docstring).splitlines():
        parts = re.split(r"(`[^`]*`)", line)
        parts = [part if part.startswith("`") else re.sub(r"([*<$])", r"\\\1", part) for part in parts]
        lines.append(line if line.startswith("    ") else "".join(parts))
    return "\n".join(lines)


def _code(function: ast.FunctionDef, source: str) -> str:
    """The source of a function without its docstring."""
    lines = source.splitlines()
    start = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)]) - 1
    docstring = function.body[0]
    kept = lines[start : docstring.lineno - 1] + lines[(docstring.end_lineno or docstring.lineno) : function.end_lineno]
    return "\n".join(kept)


def formula_pages() -> Iterator[tuple[str, str]]:
    """(name, text) of a page for each family of operators: what a formula counts, by which reference, and its code."""
    for path in sorted(OPERATORS.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        module = ast.parse(source)
        functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
        documented = [(node, text) for node in functions if (text := ast.get_docstring(node))]
        if not documented or path.stem == "__init__":
            continue
        about = as_markdown(ast.get_docstring(module) or "")
        parts = [f"# {path.stem.replace('_', ' ').capitalize()}\n\n{about}\n\n`life_jax/operators/{path.name}`\n"]
        for node, text in documented:
            parts.append(f"## {node.name}\n\n{as_markdown(text)}\n\n```python\n{_code(node, source)}\n```\n")
        yield f"{MADE}/formulas/{path.stem}", "\n".join(parts)


def _entry(kind: str, name: str, value: Any, inside: str = "") -> str:
    """A directive of Sphinx for a function, a class or a property, with its docstring."""
    signature = ""
    if kind not in ("property", "class"):  # nobody makes a Study by hand
        with contextlib.suppress(TypeError, ValueError):
            signature = str(inspect.signature(value))
    for pattern, instead in SIGNATURE:
        signature = re.sub(pattern, instead, signature)
    text = as_markdown(inspect.getdoc(value) or "")
    return f"````{{py:{kind}}} {name}{signature}\n\n{text}\n{inside}\n````\n"


def _class(name: str, value: type[Any]) -> str:
    """A class with its public properties and methods, those that have a docstring of their own."""
    members = []
    for key, member in vars(value).items():
        if not key.startswith("_") and isinstance(member, property) and member.__doc__:
            members.append(_entry("property", key, member))
        elif not key.startswith("_") and inspect.isfunction(member) and member.__doc__:
            members.append(_entry("method", key, member))
    inside = "\n".join(member.replace("````", "```") for member in members)
    return _entry("class", name, value, f"\n{inside}")


def api_page() -> tuple[str, str]:
    """(name, text) of the page of the public names of life_jax and of its pictures."""
    parts = ["# Python\n", as_markdown(life_jax.__doc__ or ""), "\n## Functions and classes\n"]
    for name in life_jax.__all__:
        value = getattr(life_jax, name)
        is_class = inspect.isclass(value)
        parts.append(_class(f"life_jax.{name}", value) if is_class else _entry("function", f"life_jax.{name}", value))
    parts.append("## Pictures\n")
    charts = importlib.import_module("life_jax.plotting.charts")
    for name, value in vars(charts).items():
        is_own = inspect.isfunction(value) and value.__module__.startswith("life_jax.plotting")
        if is_own and name not in NOT_OF_PICTURES:
            parts.append(_entry("function", f"life_jax.plot.{name}", value))
    return f"{MADE}/api", "\n".join(parts)


def project_pages() -> Iterator[tuple[str, str]]:
    """(name, text) of the documents beside docs/, with their links as they are in the site."""
    for name in DOCUMENTS:
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        yield f"{MADE}/project/{name}", LINK.sub(lambda link: _moved(link, "", f"{MADE}/project"), text)


def as_in_the_site(text: str, docname: str) -> str:
    """The text of a page as the site shows it: links to documents beside docs/ lead to their pages, and the list of
    decisions has them below it.

    docname: of the page, its path below docs/ without .md. Pages that are made here come back as they are.
    """
    if docname.split("/", maxsplit=1)[0] in MADE and "/" in docname:
        return text
    if docname == "decisions/README":
        text += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"
    return LINK.sub(lambda link: _moved(link, "docs", posixpath.dirname(docname)), text)


def _moved(link: re.Match[str], home: str, folder: str) -> str:
    """A link from a page whose source lies in ROOT/home/folder (or ROOT, for one of project/) as it is in the site."""
    target, place = link.groups()
    if "://" in target:
        return target + place
    top = posixpath.normpath(posixpath.join(home, folder if home else "", target))  # from ROOT
    if top == "README.md":
        return posixpath.relpath("start.md", folder or ".")
    if top.removesuffix(".md") in DOCUMENTS:
        return posixpath.relpath(f"{MADE}/project/{top}", folder or ".") + place
    return (posixpath.relpath(top.removeprefix("docs/"), folder or ".") if top.startswith("docs/") else target) + place


def stories() -> Iterator[tuple[str, str]]:
    """(name, text) of the notebooks."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        yield f"{MADE}/stories/{path.stem}", path.read_text(encoding="utf-8")


def write(docs: Path) -> None:
    """Write every page below a folder, docs/, leaving those that are there already as they would be."""
    pages = [*catalogue_pages(), *formula_pages(), api_page(), *project_pages()]
    files = {f"{name}.md": text for name, text in pages} | {f"{name}.ipynb": text for name, text in stories()}
    for name, text in files.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in (docs / MADE).rglob("*.*"):  # of things that are no longer there
        if path.is_file() and path.relative_to(docs).as_posix() not in files:
            path.unlink()
