"""Whether an engine's own parser has the flags that its launch file types:
python scripts/check_launch.py PROGRAM FILE...

PROGRAM: a file of conf/launch, such as mlx. FILE: sources of the engine's parsers, of an installed package or
unpacked from its wheel; they are read, never run. Flags are the names that `add_argument` or click's `option` is given,
and fields of dataclasses that parsers are made of (tp_size is --tp-size); in C++ (.cpp) names in braces at the head of
an argument, those that an argument is compared with, and names of cxxopts; in Go (.go) names of pflag, and texts that
are variables of the environment (OLLAMA_HOST) or keys of JSON (num_ctx of a Modelfile). Prints those that no file has;
status 1 where some are.
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
CALLS = ("add_argument", "option")  # of argparse, of click
OF_CXXOPTS = re.compile(r'^\s*\("(?:\w,\s*)?([a-z][\w-]*)",', re.MULTILINE)
OF_GO = re.compile(r'\.Flags\(\)\.\w+\("([a-z][\w-]*)"(?:, "(\w)")?')
NAME_OF_GO = re.compile(r'"([A-Z][A-Z0-9]*_[A-Z0-9_]+)"|`json:"(\w+)')
OF_PYTHON = ("-m",)  # of `python -m`, which is no flag of the engine


def known_flags(source: str) -> set[str]:
    """Flags of a parser's source."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in CALLS:
            names = [name.value for name in node.args if isinstance(name, ast.Constant)]
            found |= {name for name in names if isinstance(name, str)}
        if isinstance(node, ast.ClassDef):
            fields = [line.target for line in node.body if isinstance(line, ast.AnnAssign)]
            found |= {"--" + name.id.replace("_", "-") for name in fields if isinstance(name, ast.Name)}
    return found


def known_flags_of_cpp(source: str) -> set[str]:
    """Flags of a parser's source in C++."""
    heads = (braces or compared for braces, compared in OF_CPP.findall(source))
    found = {name for head in heads for name in re.findall(r'"(--?[a-zA-Z][\w-]*)"', head)}
    return found | {f"--{name}" for name in OF_CXXOPTS.findall(source)}


def known_names_of_go(source: str) -> set[str]:
    """Flags, variables of the environment and keys of JSON of a source in Go."""
    found = {flag for long, short in OF_GO.findall(source) for flag in (f"--{long}", f"-{short}") if flag != "-"}
    return found | {name for names in NAME_OF_GO.findall(source) for name in names if name}


def typed_flags(program: Mapping[str, Any]) -> set[str]:
    """Flags that a file of conf/launch types, in its command, its options and its benchmark, with variables of the
    environment and parameters of a Modelfile."""
    keys = ("command", "bench", "rate", "concurrency", "flags", "options", "before")
    words = (word for key in keys for word in _words(program.get(key) or ()))
    found = {word for word in words if FLAG.fullmatch(word)} - set(OF_PYTHON)
    found |= {
        name for of in (program.get("environment") or {}, *(program.get("environments") or {}).values()) for name in of
    }
    return found | set(re.findall(r"^PARAMETER (\w+)", program.get("modelfile") or "", re.MULTILINE))


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
    readers = {".py": known_flags, ".go": known_names_of_go}
    return readers.get(path.suffix, known_flags_of_cpp)(source)


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
