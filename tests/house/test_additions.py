"""Additions as CONTRIBUTING.md has them, made in a copy of the package: what each touches, and a forecast with it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

pytestmark = pytest.mark.process  # Copy.run

POINT = ("axes.prompt_tokens=[512]", "axes.batch=[1]")
SCRIPT = """
import json, sys
import life_jax as life
print(json.dumps([eval(expression, {"life": life, "life_jax": life}) for expression in sys.argv[1:]]))
"""


class Copy:
    """A copy of the package and its facts, the files that were added or changed in it, and a python that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.touched = folder, []
        for name in ("life_jax", "conf", "sweeps"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "out"))

    def write(self, path: str, text: str) -> None:
        self.touched.append(path)
        (self.folder / path).write_text(text, encoding="utf-8")

    def change(self, path: str, pattern: str, instead: str) -> None:
        """`pattern` (once in the file) replaced; the same file counts once."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert len(re.findall(pattern, text, re.M)) == 1, (path, pattern)
        self.write(path, re.sub(pattern, instead, text, flags=re.M))

    def run(self, *expressions: str) -> list[Any]:
        """Values of expressions, numbers and text, in one process that imports the copy."""
        command = [sys.executable, "-c", SCRIPT, *expressions]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def forecast(words: list[str], *metrics: str) -> str:
    """An expression: metrics by name of the only point of a study."""
    return f"{{m: float(v) for m, v in life.forecast(life.load({words!r}).scenario, {metrics!r}).items()}}"


def points(words: list[str], metric: str) -> str:
    """An expression: a metric at every point of a study."""
    return f"life.evaluate(life.load({words!r})).{metric}.values.ravel().tolist()"


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_a_device_is_one_file(copy):
    copy.write(
        "conf/hw/invented_gpu.yaml",
        "name: Invented\nvendor: Nobody\ndevice_class: gpu_consumer\nsource: this test\ncheck: derived\n"
        "peak_tflops: {fp16: 100}\nbandwidth_gb_per_s: 1000\nmemory_gb: 24\n",
    )
    v100, found = copy.run(
        *(forecast([f"hw={hw}", "model=llama2_7b"], "tpot", "ttft") for hw in ("v100", "invented_gpu"))
    )
    assert 0 < found["tpot"] < v100["tpot"]  # it has more bandwidth
    assert copy.touched == ["conf/hw/invented_gpu.yaml"]


def test_an_operator_with_its_use_in_one_kind_is_two_files(copy):
    copy.write(
        "life_jax/operators/clip_values.py",
        '"""Clipping."""\n\nfrom life_jax.core.cost import Cost\nfrom life_jax.core.graph import describe\n'
        "from life_jax.core.numerics import Number\nfrom life_jax.operators.elementwise import elements\n\n\n"
        '@describe("elementwise", shape=elements, rows=True)\n'
        "def clip_values(*, tokens: Number, width: Number, activation_bits: Number) -> Cost:\n"
        '    """Values clipped in place."""\n'
        "    return Cost(vector_flops=1e6 * tokens * width, dispatches=1)\n",
    )
    copy.change(
        "life_jax/models/ffn/plain.py",
        r"^from life_jax\.operators\.elementwise import (.*)$",
        r"from life_jax.operators.clip_values import clip_values\nfrom life_jax.operators.elementwise import \1",
    )
    text = (copy.folder / "life_jax/models/ffn/plain.py").read_text()
    start = text.index("def operators(")
    head, tail = text[:start], text[start:]
    shape = '{"tokens": step.tokens, "width": hidden_size, "activation_bits": precision.activation_bits}'
    tail = tail.replace("    return (", f'    return (\n        Op("clip", clip_values, {shape}, block.repeats),', 1)
    (copy.folder / "life_jax/models/ffn/plain.py").write_text(head + tail)
    plain, gated = copy.run(*(forecast(["hw=v100", f"model={m}"], "prefill_flops") for m in ("phi2", "llama2_7b")))
    assert plain["prefill_flops"] > 5 * gated["prefill_flops"]  # a million operations an element
    assert sorted(set(copy.touched)) == ["life_jax/models/ffn/plain.py", "life_jax/operators/clip_values.py"]


def test_a_kind_of_attention_is_one_file_and_one_line_of_the_index(copy):
    copy.write(
        "life_jax/models/attention/ring.py",
        '"""Full attention with a state that a number of the model\'s file sizes."""\n\n'
        "from life_jax.core.numerics import Number\nfrom life_jax.core.scenario import Block, Precision\n"
        "from life_jax.models.attention import full\n\n"
        'NUMBERS = {"ring_bytes": {"name": "bytes of the ring", "unit": "byte", "low": 0}}\n'
        'KEYS = (*full.KEYS, "ring_bytes")\nOPTIONAL = full.OPTIONAL\n'
        "tensors, operators, widest = full.tensors, full.operators, full.widest\n\n\n"
        "def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number) -> Number:\n"
        '    """The cache, and the ring."""\n'
        '    ring = block.repeats * block.attention["ring_bytes"]\n'
        "    return full.cache_bytes(block, tokens, precision, devices) + ring\n",
    )
    copy.change("life_jax/models/attention/__init__.py", r"^    none,$", "    none,\n    ring,")
    copy.change("life_jax/models/attention/__init__.py", r'^    "none": none,$', '    "none": none,\n    "ring": ring,')
    code = set(copy.touched)
    text = (copy.folder / "conf/model/llama2_7b.yaml").read_text()
    copy.write("conf/model/ringed.yaml", f"{text}\nattention: ring\nring_bytes: 1000000\n")
    study = ["hw=v100", "model=ringed", "axes.ring_bytes=[0,1e6]", *POINT, "metrics=[kv_memory]", "dtype=float64"]
    plain, ringed, swept = copy.run(
        *(forecast(["hw=v100", f"model={name}"], "kv_memory") for name in ("llama2_7b", "ringed")),
        points(study, "kv_memory"),
    )
    assert ringed["kv_memory"] - plain["kv_memory"] == 32e6
    assert swept == [plain["kv_memory"], ringed["kv_memory"]]
    assert code == {"life_jax/models/attention/ring.py", "life_jax/models/attention/__init__.py"}


def test_an_option_is_one_file_one_line_of_the_index_and_one_yaml(copy):
    copy.write(
        "life_jax/optimizations/slower_decode.py",
        '"""More vector work in decode steps only."""\n\nfrom dataclasses import replace\n\n'
        "from life_jax.core.graph import Graph\nfrom life_jax.core.numerics import Number\n"
        "from life_jax.core.schedule import Step\nfrom life_jax.optimizations.base import Optimization, Rewrite\n\n\n"
        "def _slower(graph: Graph, step: Step, *, times: Number) -> Graph:\n"
        "    if not step.decoding:\n        return graph\n"
        "    return graph.replace(lambda op: replace(op, repeats=op.repeats * times))\n\n\n"
        "def slower_decode(*, times: float) -> Optimization:\n"
        '    """Every operator of a decode step so many times."""\n'
        '    return Optimization(rewrites=(Rewrite({"times": times}, _slower),))\n',
    )
    copy.change(
        "life_jax/optimizations/__init__.py",
        r"^from life_jax\.optimizations\.sliding_window import sliding_window$",
        "from life_jax.optimizations.sliding_window import sliding_window\n"
        "from life_jax.optimizations.slower_decode import slower_decode",
    )
    copy.change(
        "life_jax/optimizations/__init__.py",
        r'^    "sliding_window": sliding_window,$',
        '    "sliding_window": sliding_window,\n    "slower_decode": slower_decode,',
    )
    copy.write("conf/opt/twice.yaml", "kind: slower_decode\ntimes: 2\ndescription: every decode operator twice\n")
    study = ["hw=v100", "engine=ideal", "opt=twice", "axes.times=[1,2,3]", *POINT, "metrics=[tpot]", "dtype=float64"]
    listed = "life_jax.config.options.numbers('slower_decode')['times']['low']"
    plain, twice, swept, low = copy.run(
        forecast(["hw=v100", "engine=ideal"], "ttft", "tpot"),
        forecast(["hw=v100", "engine=ideal", "opt=twice"], "ttft", "tpot"),
        points(study, "tpot"),
        f"__import__('life_jax.config.options') and {listed}",
    )
    assert twice["ttft"] == plain["ttft"]
    assert twice["tpot"] == pytest.approx(2 * plain["tpot"], rel=1e-12)
    assert swept[2] == pytest.approx(3 * plain["tpot"], rel=1e-9)
    assert low == 0.0
    assert sorted(set(copy.touched)) == [
        "conf/opt/twice.yaml", "life_jax/optimizations/__init__.py", "life_jax/optimizations/slower_decode.py",
    ]  # fmt: skip


def test_a_metric_is_one_entry(copy):
    copy.change(
        "life_jax/forecasting/metrics.py",
        r'^    "power": Metric\($',
        '    "energy_of_two": Metric(lambda r: 2 * r.energy, "J", "energy of two requests", needs="power"),\n'
        '    "power": Metric(',
    )
    words = ["hw=life_hx370_cpu", "metrics=[energy_of_two]"]
    found, warned = copy.run(forecast(["hw=v100"], "energy", "energy_of_two"), f"life.load({words!r}).warnings")
    assert found["energy_of_two"] == 2 * found["energy"]
    assert any("publishes no power" in line for line in warned)
    assert copy.touched == ["life_jax/forecasting/metrics.py"]


def test_an_engines_constant_is_its_effect_and_its_field(copy):
    copy.change(
        "life_jax/roofline/effects/attention_lanes.py",
        r"^    lanes: Number = neutral\(default=0\.0\)$",
        "    lanes: Number = neutral(default=0.0)\n    slowness: Number = neutral(default=1.0)",
    )
    copy.change(
        "life_jax/roofline/effects/attention_lanes.py",
        r'^        if is_nothing\(self\.lanes\) or op\.pipe != "attention":$',
        '        if op.pipe == "attention":\n            work = replace(work, occupied=work.occupied / self.slowness)\n'
        '        if is_nothing(self.lanes) or op.pipe != "attention":',
    )
    copy.change(
        "life_jax/config/schema/engine_file.py",
        r"^    roofline_scope: str = choice",
        '    attention_slowness: float = positive(\n        1.0, unit="1", name="slowness of attention", '
        'leaf="engine.effects.attention_lanes.slowness"\n    )\n    roofline_scope: str = choice',
    )
    words = ["hw=v100", "engine=ideal", "workload.prompt_tokens=8000"]
    plain, slow = copy.run(*(forecast([*words, *more], "ttft") for more in ([], ["engine.attention_slowness=3"])))
    assert slow["ttft"] > plain["ttft"]
    assert sorted(set(copy.touched)) == [
        "life_jax/config/schema/engine_file.py", "life_jax/roofline/effects/attention_lanes.py",
    ]  # fmt: skip
