"""A cell of a table is the number that is written in it, or the row is reported; it is never a default."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trials import trials

from life_jax.measurements import cells
from life_jax.measurements import rows as measurements
from life_jax.measurements.readers import index

HEADER = [*measurements.COLUMNS, "ctx_depth", "tp", "ubatch"]
GOOD = {
    "id": "a", "hardware": "rtx_4090", "model": "llama3_8b", "weight_format": "q4_k_m", "engine": "llama_cpp_cuda",
    "batch": "4", "prompt_tokens": "512", "output_tokens": "64", "metric": "tpot_s", "value": "0.02",
    "ctx_depth": "96", "tp": "1", "ubatch": "256",
}  # fmt: skip
FIELDS = {
    "batch": "batch", "prompt_tokens": "prompt_tokens", "output_tokens": "output_tokens", "value": "value",
    "ctx_depth": "past_tokens", "tp": "tensor_parallel", "ubatch": "chunk_tokens",
}  # fmt: skip


def placed(tmp_path, separator=",", header=HEADER, **changes):
    """The only row of a file, as validate sees it."""
    path = tmp_path / "m.csv"
    quoted = ['"' + {**GOOD, **changes}[name].replace('"', '""') + '"' for name in HEADER]
    path.write_text(separator.join(header) + "\n" + separator.join(quoted) + "\n", encoding="utf-8")
    (row,) = index.rows(path)
    return measurements.place(row)


@pytest.mark.parametrize(
    ("column", "text", "number"),
    [
        ("ctx_depth", "16k", 16384), ("ctx_depth", "32K tokens", 32768), ("prompt_tokens", "32,768", 32768),
        ("prompt_tokens", "1 024", 1024), ("prompt_tokens", "1\u202f024", 1024), ("prompt_tokens", "1'024", 1024),
        ("prompt_tokens", "512 tokens", 512), ("prompt_tokens", "1,234,567", 1234567), ("batch", "32 seqs", 32),
        ("batch", "8x", 8), ("batch", "1,024", 1024), ("tp", "2 GPUs", 2), ("value", "12 ms", 0.012),
        ("value", "12ms/token", 0.012), ("value", "850 µs", 0.00085), ("value", "1.5e-2", 0.015),
        ("batch", "\uff11\uff12", 12), ("prompt_tokens", "\u0665\u0661\u0662", 512), ("prompt_tokens", "16Ki", 16384),
        ("prompt_tokens", "1,28,000", 128000), ("prompt_tokens", '="1024"', 1024),
        ("value", "0,012", 0.012), ("value", "0.0120 ± 0.0003", 0.012), ("batch", "4.0", 4), ("batch", " 4 ", 4),
    ],
)  # fmt: skip
def test_what_is_plain_is_understood(tmp_path, column, text, number):
    s = placed(tmp_path, **{column: text})
    assert not isinstance(s, str), s
    assert getattr(s, FIELDS[column]) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("ctx_depth", "10k"), ("ctx_depth", "1M"), ("prompt_tokens", "~100"), ("prompt_tokens", "n/a"),
        ("prompt_tokens", "lots"), ("prompt_tokens", "1.024"), ("prompt_tokens", "512-1024"), ("prompt_tokens",
        "0x200"),
        ("prompt_tokens", "1,02"), ("prompt_tokens", "1,0245"), ("prompt_tokens", "12 ms"), ("prompt_tokens", "-512"),
        ("batch", "0"), ("batch", "-4"), ("batch", "n/a"), ("batch", "4 ms"), ("batch", "0.5"), ("batch", "1e999"),
        ("tp", "0"), ("tp", "two"), ("ubatch", "0"), ("ubatch", "auto"), ("ctx_depth", "-1"),
        ("output_tokens", "0"), ("value", "0"), ("value", "-0.1"), ("value", "1,024"), ("value", "n/a"), ("value", ""),
        ("value", "12 tok/s"), ("value", "inf"), ("value", "nan"), ("value", "12 h"), ("value", "<0.02"),
        ("value", "9" * 400), ("batch", "1/2"), ("batch", "#REF!"), ("ctx_depth", "."), ("ctx_depth", "1.2.3"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_reported_with_its_column(tmp_path, column, text):
    reason = placed(tmp_path, **{column: text})
    assert isinstance(reason, str)
    assert column in reason or "no measured value" in reason
    assert len(reason) < 200


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [("1.024,5", ",", 1024.5), ("1,024.5", ".", 1024.5), ("1.024", ",", 1024), ("12,5", ",", 12.5), ("1,024",
    ",", 1.024),
     ("1,024", ".", 1024), ("1.024", ".", 1.024)],
)  # fmt: skip
def test_a_file_tells_which_mark_stands_before_decimals(text, decimal, number):
    assert cells.number(text, "value", "ttft_s", decimal) == pytest.approx(number)
    assert cells.decimal_mark([text, "0,5" if decimal == "," else "0.5"]) == decimal


def test_marks_that_contradict_each_other_tell_nothing():
    assert cells.decimal_mark(["0,5", "0.5"]) == cells.decimal_mark(["512", "1,024"]) == ""


def test_a_mean_number_of_sequences_keeps_its_three_decimals(tmp_path):
    assert placed(tmp_path, batch="127.976").batch == 127.976


def test_a_unit_may_stand_in_the_header(tmp_path):
    named = {"value": "Value [ms]", "ctx_depth": "Ctx Depth (tokens)", "prompt_tokens": "Prompt Tokens"}
    s = placed(tmp_path, header=[named.get(name, name) for name in HEADER], value="20")
    assert (s.value, s.past_tokens, s.prompt_tokens) == (0.02, 96, 512)
    assert placed(tmp_path, metric="tpot_ms", value="20").value == pytest.approx(0.02)
    assert "does not say its unit" in placed(tmp_path, metric="TPOT", value="20")
    assert placed(tmp_path, metric="TPOT", value="20 ms").value == pytest.approx(0.02)
    assert "unit" in placed(
        tmp_path, metric="decode_tok_s", header=["Value [ms]" if n == "value" else n for n in HEADER]
    )


@st.composite
def written(draw):
    """A whole number of at least 1 and a way to write it that is plain in any table, or another text and None."""
    number = draw(st.integers(1, 10**9))
    mark = draw(st.sampled_from(["", ",", " ", "'", "_", "\u202f"]))
    text = f"{number:,}".replace(",", mark) + draw(st.sampled_from(["", ".0", "e0"]))
    noise = draw(st.sampled_from(["", "", "", "?", "-", "~", "x", " ms", "k", "%", "..", ",", "n/a", "\x00", "O"]))
    at = draw(st.integers(0, len(text)))
    return (text[:at] + noise + text[at:], number if not noise else None)


DEFAULTS = {"batch": 1.0, "prompt_tokens": 0.0, "output_tokens": 129.0, "ctx_depth": 0.0, "tp": 1.0, "ubatch": None}


@settings(max_examples=trials(500), deadline=None)
@given(column=st.sampled_from(sorted(DEFAULTS)), cell=written())
def test_a_changed_cell_is_its_number_or_the_row_is_reported(column, cell):
    """What is plain is its number; what is not plain is reported, or has all its digits in their order."""
    text, number = cell
    one = measurements.place({**GOOD, column: text})
    if number is not None:
        assert not isinstance(one, str), (text, one)
        expected = max(number, 2) if column == "output_tokens" else number
        assert getattr(one, FIELDS[column]) == expected, text
    elif not isinstance(one, str):
        value = getattr(one, FIELDS[column])
        assert value is not None and math.isfinite(value) and value >= 0
        digits = "".join(character for character in text.partition("e")[0].partition(".")[0] if character.isdigit())
        assert value in (float(digits), 1024 * float(digits), max(2.0, float(digits))), text
        assert value != DEFAULTS[column] or float(digits) in (0.0, 1.0, 129.0), text


@settings(max_examples=trials(300), deadline=None)
@given(column=st.sampled_from(sorted(FIELDS)), text=st.text(max_size=12))
def test_any_text_in_a_cell_is_read_as_python_reads_it_or_reported(column, text):
    one = measurements.place({**GOOD, column: text})
    if text and not isinstance(one, str):
        assert any(character.isdecimal() for character in text)  # digits of any script, as Python reads them
        assert math.isfinite(getattr(one, FIELDS[column]))


@settings(max_examples=trials(150), deadline=None)
@given(data=st.data())
def test_a_changed_file_is_read_or_refused_in_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("mutated") / "m.csv"
    text = ",".join(HEADER) + "\n" + "\n".join(",".join({**GOOD, "id": i}.values()) for i in "ab") + "\n"
    at = data.draw(st.integers(0, len(text)))
    raw = text[:at].encode() + data.draw(st.binary(max_size=6)) + text[at + data.draw(st.integers(0, 9)) :].encode()
    path.write_bytes(raw)
    try:
        for row in index.rows(path):
            measurements.place(row)
    except index.ConfigError as error:
        assert "\n" not in str(error)
