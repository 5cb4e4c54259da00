"""Bytes of a file -> lines of text or JSON documents: encodings, what is refused, limits."""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements.readers.base import MOST_JSON, MOST_LINE

HEAD = 2**16  # bytes that tell what a file is
NOT_TEXT = {
    b"PK\x03\x04": "a spreadsheet or an archive: save it as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of Excel 97: save it as CSV",
    b"PAR1": "a Parquet file: write it as CSV",
    b"SQLite format 3\x00": "an SQLite database: write its table as CSV",
    b"\x1f\x8b": "compressed: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed: unpack it first",
    b"BZh": "compressed: unpack it first",
    b"\xfd7zXZ": "compressed: unpack it first",
    b"\x89HDF": "netCDF or HDF5: measurements are a table of text",
    b"CDF": "netCDF: measurements are a table of text",
    b"%PDF": "a PDF: copy its table into a CSV",
    b"GGUF": "a model, no measurements; model= takes it",
}


def head(path: Path) -> tuple[str, str]:
    """The beginning of a text file, and its encoding.

    Raises ConfigError for a file that cannot be read or that is no text.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: is no file")
        with path.open("rb") as file:
            start = file.read(HEAD)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {reason(error)}") from None
    for magic, what in NOT_TEXT.items():
        if start.startswith(magic):
            raise ConfigError(f"{path}: is {what}")
    encoding = _encoding(start)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
    controls = sum(ord(character) < 32 and character not in "\t\r\n\f\x1b\x08" for character in text)
    if controls > len(text) // 100:
        raise ConfigError(f"{path}: is no text")
    return text.removeprefix("\ufeff"), encoding


def reason(error: Exception) -> str:
    """What is wrong with a file, without its number and its name, which stand before."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _encoding(start: bytes) -> str:
    """UTF-8 unless a byte order mark or zero bytes tell UTF-16; what Excel writes on Windows if it is no UTF-8."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) >= 4 and start[1::2].count(0) > len(start) // 4 and not start[::2].count(0):
        return "utf-16-le"
    if len(start) >= 4 and start[::2].count(0) > len(start) // 4 and not start[1::2].count(0):
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends as they are, one after the other; refuses one beyond MOST_LINE."""
    try:
        with path.open(newline="", encoding=encoding) as file:
            while line := file.readline(MOST_LINE + 1):
                if len(line) > MOST_LINE:
                    raise ConfigError(f"{path}: a line is longer than {MOST_LINE:,} characters")
                yield line
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {reason(error)}") from None


def whole(path: Path, encoding: str, most: int) -> str:
    """The text of a file of at most so many bytes."""
    try:
        size = path.stat().st_size
        if size > most:
            raise ConfigError(
                f"{path}: has {size / 2**20:.0f} MiB; {most / 2**20:.0f} MiB at most are read of this kind"
            )
        return path.read_text(encoding=encoding).removeprefix("\ufeff")
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {reason(error)}") from None


def documents(path: Path, encoding: str) -> Iterator[Any]:
    """The JSON documents of a file: one, or one a line."""
    content = whole(path, encoding, MOST_JSON)
    try:
        yield parsed(content)
        return
    except ValueError as error:
        by_line = [line for line in content.splitlines() if line.strip()]
        if len(by_line) < 2:
            raise ConfigError(f"{path}: is no JSON: {_short(error)}") from None
    for number, line in enumerate(by_line, 1):
        try:
            yield parsed(line)
        except ValueError as error:
            raise ConfigError(f"{path}: line {number} is no JSON: {_short(error)}") from None


def parsed(content: str) -> Any:
    """JSON text -> value; ValueError for what is no JSON or is nested too deeply."""
    try:
        return json.loads(content, parse_int=_integer, parse_constant=_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)


def _constant(name: str) -> str:
    """NaN and Infinity, which are no JSON, as text that no number is read from."""
    return name.lower() if name == "NaN" else name


def _short(error: ValueError) -> str:
    return str(error)[:120]


def unknown(path: Path, more: str = "") -> NoReturn:
    """Raises ConfigError: the file is of no format that is read here."""
    raise ConfigError(f"{path}: is none of the files that are read here{more}")
