"""Whether an engine's own parser has the flags that its launch file types:
python scripts/check_launch.py PROGRAM FILE...

PROGRAM: a file of conf/launch, such as mlx. FILE: sources of the engine's parsers, of an installed package or
unpacked from its wheel; they are read, never run. Flags are the names that `add_argument` is given, and fields of
dataclasses that parsers are made of (tp_size is --tp-size); in C++ (.cpp) names in braces at the head of an argument,
and those that an argument is compared with. Prints those that no file has; status 1 where some are.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from life_jax.planner.launch import programs

FLAG = re.compile(r"--?[a-zA-Z][\w-]*")
OF_CPP = re.compile(r'\{\s*("-[^}]*?")\s*\}|\barg == ("-[^"]+")')
OF_PYTHON = ("-m",)  # of `python -m`, which is no flag of the engine


def known_flags(source: str) -> set[str]:
    """Flags of a parser's source."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "add_argument":
            names = [name.value for name in node.args if isinstance(name, ast.Constant)]
            found |= {name for name in names if isinstance(name, str)}
        if isinstance(node, ast.ClassDef):
            fields = [line.target for line in node.body if isinstance(line, ast.AnnAssign)]
            found |= {"--" + name.id.replace("_", "-") for name in fields if isinstance(name, ast.Name)}
    return found


def known_flags_of_cpp(source: str) -> set[str]:
    """Flags of a parser's source in C++."""
    heads = (braces or compared for braces, compared in OF_CPP.findall(source))
    return {name for head in heads for name in re.findall(r'"(--?[a-zA-Z][\w-]*)"', head)}


def typed_flags(program: Mapping[str, Any]) -> set[str]:
    """Flags that a file of conf/launch types, in its command, its options and its benchmark."""
    keys = ("command", "bench", "rate", "concurrency", "flags", "options", "before")
    words = (word for key in keys for word in _words(program.get(key) or ()))
    return {word for word in words if FLAG.fullmatch(word)} - set(OF_PYTHON)


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        yield from _words(list(content.values()))
    else:
        for part in content:
            yield from _words(part)


def _known(path: Path) -> set[str]:
    source = path.read_text(encoding="utf-8")
    return known_flags_of_cpp(source) if path.suffix in (".cpp", ".cc", ".h") else known_flags(source)


def main(words: list[str]) -> int:
    """Print the flags that the files do not have."""
    if len(words) < 2 or words[0] not in programs():
        print(f"python scripts/check_launch.py PROGRAM FILE...; programs: {', '.join(programs())}", file=sys.stderr)
        return 2
    known = set[str]().union(*(_known(Path(word)) for word in words[1:]))
    typed = typed_flags(programs()[words[0]])
    unknown = sorted(typed - known)
    print(f"{len(typed) - len(unknown)} of {len(typed)} flags are known")
    print(*(f"unknown: {flag}" for flag in unknown), sep="\n", end="\n" * bool(unknown))
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
