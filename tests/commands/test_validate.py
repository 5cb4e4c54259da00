"""python -m life_jax.validate as a stranger runs it."""

import csv
import shutil
import subprocess
import sys

import pytest
from places import ROOT

HEADER = "id,hardware,model,weight_format,engine,batch,prompt_tokens,output_tokens,metric,value\n"
GOOD = HEADER + "a,NVIDIA A40,Llama-2-7B,f16,vLLM,1,512,128,ttft_s,0.12\n"


def run(folder, *words):
    command = [sys.executable, "-m", "life_jax.validate", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_it_prints_errors_and_the_path_last_and_never_overwrites(tmp_path):
    (tmp_path / "mine.csv").write_text(GOOD)
    done = run(tmp_path, "mine.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "mine_forecasts.csv"
    before = (tmp_path / "mine_forecasts.csv").read_bytes()
    again = run(tmp_path, "mine.csv")
    assert again.returncode == 2 and "mine_forecasts.csv exists" in again.stderr
    assert (tmp_path / "mine_forecasts.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a CSV of measurements is needed"),
        (("none.csv",), "none.csv"),
        (("mine.csv", "engine=vlm"), "did you mean vLLM"),
        (("mine.csv", "uot=x.csv"), "'uot=' is not known; did you mean out"),
        (("mine.csv", "out=no/where.csv"), "no folder"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(tmp_path, words, said):
    (tmp_path / "mine.csv").write_text(GOOD)
    done = run(tmp_path, *words)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert said in done.stderr.splitlines()[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.csv"]


def test_a_file_of_which_no_row_is_understood_is_refused_with_the_reasons(tmp_path):
    (tmp_path / "mine.csv").write_text(GOOD.replace("A40", "A4000000"))
    done = run(tmp_path, "mine.csv")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    first, reason, *_ = done.stderr.splitlines()
    assert first == "error: mine.csv: no row is understood" and "did you mean" in reason
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.csv"]


def test_a_row_is_printed_ready_to_share_and_all_of_them_are_a_table_that_reads_alike(life, tmp_path):
    shutil.copy(ROOT / "examples" / "llama_bench.json", tmp_path)
    words = ("validate", "llama_bench.json", "hw=rtx_4090")
    printed = life(*words, "out=first.csv").out.splitlines()
    at = next(i for i, line in enumerate(printed) if line.startswith("a row ready to share"))
    (row,) = csv.DictReader(printed[at + 1 : at + 3])
    assert (row["hardware"], row["metric"], row["ctx_depth"]) == ("rtx_4090", "prefill_tok_s", "0")
    shared = life(*words, "out=second.csv", "share=rows.csv")
    assert "rows to share: rows.csv" in shared.out
    assert len(list(csv.DictReader((tmp_path / "rows.csv").open()))) == 4
    assert life("validate", "rows.csv", "out=third.csv").status == 0
    assert (tmp_path / "third.csv").read_text() == (tmp_path / "first.csv").read_text()
    assert life(*words, "out=fourth.csv", "share=rows.csv").status == 2  # never replaced unasked


def test_what_a_spreadsheet_would_compute_is_not_shared(life, tmp_path):
    shutil.copy(ROOT / "examples" / "measurements.csv", tmp_path)
    rows = list(csv.DictReader((tmp_path / "measurements.csv").open()))
    with (tmp_path / "odd.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "note"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows([{**row, "note": "=cmd()" if i == 0 else ""} for i, row in enumerate(rows)])
    assert life("validate", "odd.csv", "share=rows.csv").status == 0
    text = (tmp_path / "rows.csv").read_text()
    assert "=cmd" not in text and len(text.splitlines()) > 1


def test_a_row_ready_to_share_writes_nothing_on_the_terminal(tmp_path):
    """An id whose escapes would colour, ring and turn what follows around is printed written out."""
    head = "id,hardware,model,weight_format,engine,batch,prompt_tokens,output_tokens,metric,value\n"
    text = f"{head}\x1b[31mred\x07\x9b2J\u202e,v100,llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n"
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    done = run(tmp_path, "mine.csv")
    assert "ready to share" in done.stdout and r"\x1b[31mred\x07\x9b2J\u202e" in done.stdout
    assert not set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr)
