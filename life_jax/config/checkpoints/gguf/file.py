"""The header of a GGUF file: metadata, and the name, shape, type and bytes of every tensor. No data is read.

Reference: gguf.md of ggml (version 3; versions 2 and 3 have the same layout, big-endian files are recognised by
their version). A header without the data behind it, as fetched by a range request, is enough.
"""

import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from life_jax.config.schema.errors import ConfigError
from life_jax.optimizations.gguf_file_types import BLOCK

# type in the file -> its name in BLOCK; plain types that carry no weights have their bytes here
TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0",
    31: "Q4_0", 32: "Q4_0", 33: "Q4_0",  # rows interleaved for a CPU: the same blocks
    36: "IQ4_NL", 37: "IQ4_NL", 38: "IQ4_NL", 39: "MXFP4",
}  # fmt: skip
MORE_BLOCKS = {
    24: (1, 1), 25: (2, 1), 26: (4, 1), 27: (8, 1), 28: (8, 1), 40: (36, 64), 41: (18, 128),
    # of ik_llama.cpp (gguf-py of ikawrakow/ik_llama.cpp): Q6_0, IQ1_BN to IQ6_K, IQ4_KS to IQ4_KSS, IQ5_KS to IQ1_KT
    133: (26, 32), 134: (13, 64), 135: (16, 64), 137: (76, 256), 138: (110, 256), 139: (144, 256), 140: (176, 256),
    141: (212, 256), 144: (136, 256), 145: (70, 256), 146: (128, 256), 151: (32, 32), 152: (168, 256), 153: (68, 256),
    154: (100, 256), 155: (128, 256), 156: (102, 256), 157: (86, 256), 158: (56, 256),
    # and the same with rows interleaved for a CPU
    202: (18, 32), 206: (22, 32), 208: (34, 32), 210: (84, 256), 211: (110, 256), 212: (144, 256), 213: (176, 256),
    214: (210, 256), 216: (66, 256), 217: (74, 256), 218: (98, 256), 219: (6, 32), 220: (18, 32), 221: (110, 256),
    222: (82, 256), 223: (136, 256), 229: (7, 32), 230: (2, 1), 233: (26, 32), 335: (16, 64), 337: (76, 256),
    338: (110, 256), 339: (144, 256), 340: (176, 256), 344: (136, 256), 352: (168, 256), 398: (32, 32), 399: (258, 256),
}  # fmt: skip
# bytes of a scale that stands once in each row, beside its blocks
OF_ROW = {
    134: 2, 135: 4, 335: 4, 144: 4, 344: 4, 145: 2, 146: 4, 151: 8, 398: 8, 152: 4, 352: 4, 153: 4, 154: 4, 155: 4,
    156: 2, 157: 2, 158: 4, 219: 2, 229: 2,
}  # fmt: skip
# metadata: type -> struct format
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
LEAST_OF_TENSOR, LEAST_OF_VALUE = 24, 13  # bytes that a tensor's entry, and a pair of metadata, take at least
MOST_DIMENSIONS, MOST_ELEMENTS, MOST_NESTED, MOST_SHARDS = 4, 2**48, 4, 9999
KEPT = 65_536  # values of an array that are kept; longer ones are vocabularies
SHARD = re.compile(r"^(.*)-(\d{5})-of-(\d{5})(\.gguf)$", re.IGNORECASE)


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of the file: shape (the first is the input width), elements, bytes."""

    shape: tuple[int, ...]
    elements: int
    bytes: int


@dataclass
class GgufFile:
    """Metadata by key and tensors by name, of all shards together."""

    path: Path
    metadata: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, StoredTensor] = field(default_factory=dict)


def read_file(path: Path) -> GgufFile:
    """The header of a file, or of all shards that it is one of.

    Raises ConfigError in one line: not GGUF, a header that is cut off or whose counts do not fit, a missing shard.
    """
    file = _header(path)
    count = file.metadata.get("split.count")
    if not isinstance(count, int) or isinstance(count, bool) or count <= 1:
        return file
    return _shards(file, count)


def _shards(file: GgufFile, count: int) -> GgufFile:
    named = SHARD.match(file.path.name)
    number = file.metadata.get("split.no")
    where = f"{file.path} is shard {number + 1 if type(number) is int else '?'} of {count} of a split file"
    if named is None or int(named[3]) != count or count > MOST_SHARDS:
        raise ConfigError(
            f"{where}, whose name does not say which: name its shards NAME-00001-of-{count:05d}.gguf, ..."
        )
    if int(named[2]) != 1:  # as llama.cpp, which loads a split model by its first file alone
        first_name = f"{named[1]}-00001-of-{named[3]}{named[4]}"
        raise ConfigError(f"{where}; a split model is named by its first shard, {first_name}")
    paths = [file.path.with_name(f"{named[1]}-{i + 1:05d}-of-{named[3]}{named[4]}") for i in range(count)]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigError(f"{where}; its shards are read together: {missing[0]}{more} is not beside it")
    # the shape stands in the first shard alone
    first, *others = [file if path.name == file.path.name else _header(path) for path in paths]
    for other in others:
        if other.metadata.get("split.count") != count:
            raise ConfigError(f"{other.path} is no shard of {count}, as {file.path.name} is")
        twice = first.tensors.keys() & other.tensors.keys()
        if twice:
            raise ConfigError(f"{other.path} has the tensor {min(twice)} of another shard")
        first.tensors.update(other.tensors)
    expected = first.metadata.get("split.tensors.count")
    if isinstance(expected, int) and expected != len(first.tensors):
        raise ConfigError(f"{where}: its shards have {len(first.tensors)} tensors together, not {expected}")
    return first


def _header(path: Path) -> GgufFile:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ConfigError(f"{path} cannot be read: it is no file")
        with path.open("rb") as stream:
            return _Parser(stream, path).parse()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None


class _Parser:
    """Reads one header; every length is checked against the length of the file before it is used."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.stream, self.path = stream, path
        self.size, self.order = os.fstat(stream.fileno()).st_size, "<"

    def refuse(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.path} cannot be read as GGUF: {reason}")

    def parse(self) -> GgufFile:
        if self.take(4) != b"GGUF":
            raise self.refuse("it does not start with GGUF")
        version = self.number("I")
        if version > 0xFFFF:
            self.order = ">"
            version = struct.unpack(">I", struct.pack("<I", version))[0]
        if version not in (2, 3):
            raise self.refuse(f"version {version} of the format (known: 2, 3)")
        tensors, values = self.count("Q", LEAST_OF_TENSOR, "tensors"), self.count("Q", LEAST_OF_VALUE, "values")
        file = GgufFile(self.path)
        for _ in range(values):
            key = self.text("a key of the metadata")
            value = self.value(self.number("I"), key, 0)
            if not key.startswith("tokenizer."):
                file.metadata[key] = value
        for _ in range(tensors):
            name = self.text("the name of a tensor")
            if name in file.tensors:
                raise self.refuse(f"tensor {name[:60]} stands in it twice")
            file.tensors[name] = self.tensor(name)
        return file

    def take(self, size: int) -> bytes:
        found = self.stream.read(size)
        if len(found) != size:
            raise self.refuse(f"its header is cut off at byte {self.size}: a longer part of the file is needed")
        return found

    def number(self, code: str) -> Any:
        return struct.unpack(self.order + code, self.take(struct.calcsize("<" + code)))[0]

    def count(self, code: str, least: int, what: str) -> int:
        """A number of things that take at least so many bytes each: no more than the rest of the file can hold."""
        found = int(self.number(code))
        if found * least > self.size - self.stream.tell():
            if found > 10**9:
                raise self.refuse(f"it says {found} {what}, more than fit in its {self.size} bytes")
            raise self.refuse(f"its header is cut off: {found} {what} do not fit in its {self.size} bytes")
        return found

    def text(self, what: str) -> str:
        return self.take(self.count("Q", 1, f"characters of {what}")).decode("utf-8", errors="replace")

    def value(self, kind: int, key: str, depth: int) -> Any:
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        if kind == STRING:
            return self.text(f"the value of {key[:60]}")
        if kind != ARRAY or depth >= MOST_NESTED:
            raise self.refuse(f"{key[:60]} is of type {kind}, which is not known")
        inner = self.number("I")
        if inner in SCALARS:
            size = struct.calcsize("<" + SCALARS[inner])
            length = self.count("Q", size, f"values of {key[:60]}")
            if length > KEPT:
                self.stream.seek(length * size, os.SEEK_CUR)
                return None
            return list(struct.unpack(f"{self.order}{length}{SCALARS[inner]}", self.take(length * size)))
        length = self.count("Q", 8, f"values of {key[:60]}")
        found = [self.value(inner, key, depth + 1) for _ in range(length)]
        return found if length <= KEPT else None

    def tensor(self, name: str) -> StoredTensor:
        dimensions = self.number("I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise self.refuse(f"tensor {name[:60]} has {dimensions} dimensions")
        shape = tuple(int(self.number("Q")) for _ in range(dimensions))
        kind, _ = self.number("I"), self.number("Q")
        if kind not in TYPES and kind not in MORE_BLOCKS:
            raise self.refuse(f"tensor {name[:60]} is of type {kind}, which is not known")
        size, weights = BLOCK[TYPES[kind]] if kind in TYPES else MORE_BLOCKS[kind]
        elements = 1
        for side in shape:
            elements *= side
            if side < 1 or elements > MOST_ELEMENTS:
                raise self.refuse(f"tensor {name[:60]} has the shape {list(shape)}")
        if shape[0] % weights:
            raise self.refuse(f"tensor {name[:60]}: rows of {shape[0]} are no multiple of blocks of {weights}")
        beside = elements // shape[0] * OF_ROW.get(kind, 0)
        return StoredTensor(shape, elements, elements // weights * size + beside)


def metadata_of(file: GgufFile) -> Mapping[str, Any]:
    """The metadata of the file's own architecture, without its prefix."""
    prefix = f"{file.metadata.get('general.architecture', '')}."
    return {key.removeprefix(prefix): value for key, value in file.metadata.items() if key.startswith(prefix)}
