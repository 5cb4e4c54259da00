"""Names, globs and regular expressions that say which modules of a checkpoint are meant.

Dialects: `names`: the name of a module or of a part of its path, or a glob, or a regular expression after "re:"
(compressed-tensors, ModelOpt, AWQ, bitsandbytes, fp8, Quark); `regex`: regular expressions, after "+:" perhaps
(GPTQModel's dynamic). A name matches where its parts stand one after another in the module's path: "mlp.gate" is the
router of layer 3 and not mlp.gate_proj.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence

from life_jax.config.checkpoints.quantization.modules import ROOTS, Module

LONGEST = 2000  # characters of a pattern that is tried
GLOB = re.compile(r"[*?\[]")
MARKS = re.compile(r"[\\^$|(+{]|\.\*")
EXPERT = re.compile(r"experts\.(\d+)(?:\.|$)")


class Patterns:
    """A list of patterns. `unmatched`: those that matched no module so far; `wrong`: those that cannot be read."""

    def __init__(self, patterns: Iterable[str], dialect: str):
        self.names: dict[str, list[str]] = {}
        self.experts: dict[str, set[str]] = {}  # a name with expert 0 -> the numbers that are listed
        self.parts: list[str] = []  # names that are parts of a word, as engines take them that look for substrings
        self.expressions: list[tuple[str, re.Pattern[str]]] = []
        self.wrong: list[str] = []
        self.matched: set[str] = set()
        self.whole = False
        self.listed = tuple(dict.fromkeys(patterns))
        for pattern in self.listed:
            self._add(pattern, dialect)

    def _add(self, pattern: str, dialect: str) -> None:
        text = pattern.removeprefix("re:").removeprefix("+:")
        expression = dialect == "regex" or pattern.startswith("re:") or MARKS.search(text) is not None
        if expression or GLOB.search(text):
            try:
                if len(text) > LONGEST:
                    raise ValueError
                compiled = re.compile(text if expression else fnmatch.translate(text))
                self.expressions.append((pattern, compiled))
            except (re.error, ValueError, OverflowError, RecursionError):
                self.wrong.append(pattern)
            return
        name = without_root(text.removesuffix(".weight").strip("."))
        if not name:  # the whole language model
            self.whole = True
            self.matched.add(pattern)
            return
        numbered = EXPERT.search(name)
        if numbered:
            name = f"{name[: numbered.start(1)]}0{name[numbered.end(1) :]}"
            self.experts.setdefault(name, set()).add(numbered[1])
        self.names.setdefault(name, []).append(pattern)

    def take_parts(self, modules: Sequence[Module]) -> None:
        """Names that no module has as a part of its path, but as a part of a word: `attn` stands for self_attn."""
        known = frozenset().union(*(module.spans for module in modules))
        for name, patterns in self.names.items():
            if name not in known and "." not in name and any(name in span for span in known):
                self.parts.append(name)
                self.matched.update(patterns)

    def share(self, module: Module) -> float:
        """The part of a module (of its experts) that some pattern matches, from 0 to 1."""
        hits = self.names.keys() & module.spans
        for name in hits:
            self.matched.update(self.names[name])
        if self.whole or any(part in path for part in self.parts for path in module.paths):
            return 1.0
        matching = [pattern for pattern, compiled in self.expressions if self._matches(compiled, module)]
        if matching:  # all of them, so that the others are known to match nothing
            self.matched.update(matching)
            return 1.0
        if not hits:
            return 0.0
        several = module.role == "experts" and module.copies > 1
        return max(min(len(self.experts.get(name, ())) / module.copies, 1.0) if several and name in self.experts
                   else 1.0 for name in hits)  # fmt: skip

    @staticmethod
    def _matches(compiled: re.Pattern[str], module: Module) -> bool:
        return any(compiled.match(path) for path in module.full_paths)

    @property
    def unmatched(self) -> list[str]:
        """Patterns that are well formed and that no module has matched."""
        return [pattern for pattern in self.listed if pattern not in self.matched and pattern not in self.wrong]


def without_root(name: str) -> str:
    """Without the names of the wrappers around a language model: model.layers.0.mlp -> layers.0.mlp."""
    parts = name.split(".")
    while parts and parts[0] in ROOTS:
        parts = parts[1:]
    return ".".join(parts)
