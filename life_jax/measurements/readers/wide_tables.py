"""Tables with a column for each metric (`ttft_ms`, `tpot_ms`, `pp512`, `tg128`) -> tables with a row for each."""

import re
from collections.abc import Callable, Iterator, Sequence

# of llama-bench: a prompt of so many tokens, or so many that are generated; one sequence
TEST = re.compile(r"(pp|tg)\s*(\d{1,7})(?:\s*\(?(?:t/s|tok/s|tps)\)?)?", re.IGNORECASE)
OF_TEST = ("batch", "prompt_tokens", "output_tokens")

Known = Callable[[str], bool]
Table = Iterator[list[str]]


def lengthened(header: Sequence[str], records: Table, named: Sequence[str], known: Known) -> tuple[list[str], Table]:
    """Header and records with a row for each metric, or as they are where no column is a metric.

    named: our names of the columns, "" for one that is none. known: whether a header is a metric with its unit.
    """
    at = [i for i, cell in enumerate(header) if not named[i] and (TEST.fullmatch(cell.strip()) or known(cell))]
    if not at or {"metric", "value"} & set(named):
        return list(header), records
    kept = [i for i in range(len(header)) if i not in at]
    missing = (
        [column for column in OF_TEST if column not in named]
        if any(TEST.fullmatch(header[i].strip()) for i in at)
        else []
    )
    head = [*(header[i] for i in kept), *missing, "metric", "value"]
    identity = next((kept.index(i) for i, name in enumerate(named) if name == "id" and i in kept), None)
    if identity is None:
        head = ["id", *head]

    def rows() -> Table:
        for number, record in enumerate(records, 1):
            if list(record) == list(header):
                continue
            cells = [record[i] if i < len(record) else "" for i in kept]
            for i in at:
                value = record[i].strip() if i < len(record) else ""
                if not value:
                    continue
                name = header[i].strip()
                test = TEST.fullmatch(name)
                metric = name if test is None else "prefill_tok_s" if test[1].lower() == "pp" else "decode_tok_s"
                said = dict.fromkeys(missing, "")
                if test is not None:
                    said |= {"batch": "1", ("prompt_tokens" if test[1].lower() == "pp" else "output_tokens"): test[2]}
                row = [*cells, *(said[column] for column in missing), metric, value]
                if identity is None:
                    yield [f"{number}_{name}", *row]
                else:
                    yield [f"{cell}_{name}" if j == identity else cell for j, cell in enumerate(row)]

    return head, rows()
