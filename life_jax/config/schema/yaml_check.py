"""What is refused in a YAML file that comes from outside, before it is unfolded: what would cost time or memory.

A file of a few hundred bytes can mean 10^11 values (aliases of aliases), or nest deeper than the stack of the program.
"""

import re
from typing import Any

from life_jax.config.schema.errors import ConfigError

MOST_BYTES = 2**22
MOST_DEPTH = 64
MOST_VALUES = 200_000  # aliases unfolded
SIXTIES = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")
OCTAL = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*")


def refuse_bombs(text: str) -> None:
    """Raise ConfigError for YAML that is nested beyond MOST_DEPTH, that refers to itself, that stands for more than
    MOST_VALUES values, that has a tag, which names a type, or a number that YAML 1.1 reads to a base of 60 or 8.

    Reads the events of the text once, without building anything. Errors of syntax are left to who reads it.
    """
    import yaml

    sizes: dict[str, int] = {}  # by anchor: values that it stands for
    open_anchors: list[tuple[str, int]] = []  # of what is not finished, with the count before it
    count = 0
    event: Any
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        anchor = str(getattr(event, "anchor", None) or "")
        if getattr(event, "tag", None) not in (None, "!") and not _is_plain(event):
            raise _refused(event, f"the tag {event.tag[:60]} names a type; texts, numbers, lists and mappings are read")
        if isinstance(event, yaml.AliasEvent):
            if anchor in (name for name, _ in open_anchors):
                raise _refused(event, f"*{anchor} refers to itself")
            count += sizes.get(anchor, 1)
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            if isinstance(event, yaml.ScalarEvent):
                sizes[anchor] = 1
                _refuse_other_bases(event)
            else:
                open_anchors.append((anchor, count - 1))
                if len(open_anchors) > MOST_DEPTH:
                    raise _refused(event, f"it is nested deeper than {MOST_DEPTH} levels")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            name, before = open_anchors.pop()
            sizes[name] = count - before
        if count > MOST_VALUES:
            raise _refused(event, f"it stands for more than {MOST_VALUES:,} values")


def _refuse_other_bases(event: Any) -> None:
    """Raise ConfigError for 1:30, which YAML 1.1 reads as 90, and for 010, which it reads as 8."""
    if not event.style and event.tag is None:
        for pattern, base in ((SIXTIES, 60), (OCTAL, 8)):
            if pattern.fullmatch(event.value):
                written = event.value[:40]
                raise _refused(
                    event, f"YAML reads {written} to the base of {base}: write a plain number, or '{written}'"
                )


def _is_plain(event: Any) -> bool:
    """Whether a tag says what would be read anyway, such as !!str."""
    return str(event.tag).removeprefix("tag:yaml.org,2002:") in ("str", "int", "float", "bool", "null", "map", "seq")


def _refused(event: Any, reason: str) -> ConfigError:
    return ConfigError(f"{reason} (line {event.start_mark.line + 1})")
