"""A trace of requests: a CSV with arrival_s, input_tokens, output_tokens, and cached_tokens or block_ids where they are
known.

block_ids are names of the blocks of a prompt, with spaces between, as a cache of prefixes would hold them: prompts that
begin alike have the same names at their beginning.
"""

import csv
import io
import math
from pathlib import Path

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core import file_system
from life_jax.serving.prefix_cache import reused_blocks
from life_jax.serving.requests import Requests

NEEDED = ("arrival_s", "input_tokens", "output_tokens")
GROUPS = 32  # of lengths, each with the mean of its members
MOST, MOST_BYTES = 1_000_000, 2**28  # requests of a file, and its bytes


def read(path: Path, prefix_room: float = math.inf) -> Requests:
    """The requests of a file in order of arrival, the first at 0 s. Raises ConfigError with the line that is wrong.

    prefix_room [token]: of a cache that holds beginnings of earlier prompts, where the file says blocks and not what is
    cached; infinite for one that forgets nothing.
    """
    try:
        text = file_system.read_regular(path, MOST_BYTES).decode("utf-8-sig")
        return _requests(csv.DictReader(io.StringIO(text, newline="")), path, prefix_room)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"load.trace={path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _requests(rows: "csv.DictReader[str]", path: Path, prefix_room: float) -> Requests:
    missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise ConfigError(f"load.trace={path}: no column {', '.join(missing)}; it needs {', '.join(NEEDED)}")
    numbers: list[tuple[float, ...]] = []
    blocks: list[tuple[str, ...]] = []
    for row in rows:
        if len(numbers) == MOST:
            raise ConfigError(f"load.trace={path}: more than {MOST:,} requests")
        arrival, prompt, output = (_number(row[name], f"{path}:{rows.line_num}: {name}") for name in NEEDED)
        cached = _number(row.get("cached_tokens") or "0", f"{path}:{rows.line_num}: cached_tokens")
        if not (arrival >= 0 and prompt >= 1 and output >= 1 and cached >= 0):
            raise ConfigError(
                f"load.trace={path}:{rows.line_num}: a time of 0 s or more and at least one token each is needed"
            )
        blocks.append(tuple((row.get("block_ids") or "").split()))
        numbers.append((arrival, prompt, output, min(cached, prompt - 1)))  # the last token is always computed
    if len(numbers) < 2:
        raise ConfigError(f"load.trace={path}: {len(numbers)} requests; at least two are needed")
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    arrivals, prompts, outputs, held = np.array([numbers[index] for index in order]).T
    if any(blocks) and not held.any():
        held = _reused([blocks[index] for index in order], arrivals, prompts, prefix_room)
    elif prefix_room < math.inf:
        raise ConfigError(
            f"load.prefix_room= with load.trace={path}: it has no column block_ids that says what is alike"
        )
    return Requests(arrivals - arrivals[0], prompts, outputs, held)


def _reused(blocks: list[tuple[str, ...]], arrival: np.ndarray, prompt: np.ndarray, room: float) -> np.ndarray:
    """Tokens [n] that a cache of `room` tokens [token] holds of each prompt; the last one is always computed."""
    sizes = [tokens / len(names) for tokens, names in zip(prompt, blocks, strict=True) if len(names) > 1]
    block = float(np.ceil(np.median(sizes))) if sizes else float(prompt.max())
    reused = reused_blocks(blocks, float(arrival[-1] - arrival[0]), room / block)
    tokens: np.ndarray = np.minimum(reused * block, prompt - 1)
    return tokens


def _number(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"load.trace={where} is {text!r}, not a number")
    return value


def as_words(requests: Requests) -> list[str]:
    """Words of numbers for the formula: the mean rate, the spread of the gaps, and the lengths in GROUPS of equal
    size."""
    gaps = np.diff(requests.arrival)
    rate = len(gaps) / float(gaps.sum()) if gaps.sum() > 0 else 0.0
    if not rate:
        raise ConfigError("load.trace=: all requests arrive at once; give concurrency= instead")
    words = [f"load.rate={rate}", f"load.burst={float(gaps.std() / gaps.mean())}"]
    for which, lengths in (("prompt", requests.prompt), ("output", requests.output)):
        groups = [group for group in np.array_split(np.sort(lengths), GROUPS) if len(group)]
        rows = [[round(float(group.mean()), 3), len(group)] for group in groups]
        words += [f"workload.{which}_tokens={float(lengths.mean())}", f"load.{which}s={rows}".replace(" ", "")]
    hit = requests.cached > 0
    if not hit.any():
        return words
    cached = float(requests.cached.sum() / requests.prompt[hit].sum())
    return [*words, f"load.cached={min(cached, 0.999)}", f"load.hit_rate={float(hit.mean())}"]
