"""Values that make no sense, at every key of every file: one line, or numbers that are there."""

import dataclasses
import inspect
import json
import math
import random
import warnings

import numpy as np
import pytest
import xarray as xr
from trials import trials

from life_jax.config.options import option
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.optimizations import INDEX

ODD = [0, -1, 1e308, math.nan, math.inf, 1e-300, 10**5000, [], [1, 2], True, "", "abc", {"a": 1}, {"a": [1]}, [[1]]]
WORDS = ["0", "-1", "1e308", "1e400", "nan", "1e-300", "9" * 5000, "[1,2]", "true", "null", "''", "abc", "{a: 1}"]
KINDS = {read_yaml(file)["kind"]: label for label, file in paths.choices("opt").items()}
LISTS = [
    (section, field.name)
    for section, schema in axis_table.FILES.items()
    for field in dataclasses.fields(schema)
    if str(field.type).startswith(("list[str]", "list[float]"))
]
KEYS = [
    {"hw": "hw.h100_sxm.", "model": "model.llama3_2_1b."}.get(section, f"{section}.") + field.name
    for section, schema in axis_table.FILES.items()
    for field in dataclasses.fields(schema)
] + [f"opt.int4.{key}" for key in axis_table.option_keys()]


@pytest.mark.parametrize("label", KINDS.values())
def test_an_argument_of_an_option_that_is_not_of_its_kind_is_refused_in_a_line(label):
    content = read_yaml(paths.choices("opt")[label])
    for key, parameter in inspect.signature(INDEX[content["kind"]]).parameters.items():
        is_number = parameter.annotation is float
        for value in ODD:
            try:
                option(label, content | {key: value})
            except ConfigError as error:
                assert len(str(error)) < 300
            else:
                assert not is_number or (isinstance(value, int | float) and 0 <= value <= 1e308)


@pytest.mark.parametrize(("section", "key"), LISTS)
def test_a_list_of_names_or_numbers_takes_no_other(section, key):
    schema = axis_table.FILES[section]
    is_of_names = "str" in str(next(f.type for f in dataclasses.fields(schema) if f.name == key))
    for value in ([1], [None], [{}], [True]) if is_of_names else (["a"], [None], [-1], [math.nan]):
        with pytest.raises(ConfigError, match=rf"{section}\.{key}"):
            check({key: value}, _without_required(schema), section)


def _without_required(schema):
    """The schema, of which no key is required."""
    fields = [
        (f.name, f.type, dataclasses.field(default=None, metadata=f.metadata)) for f in dataclasses.fields(schema)
    ]
    return dataclasses.make_dataclass(schema.__name__, fields, kw_only=True)


def test_an_odd_value_of_any_key_ends_in_a_line_or_in_json(life):
    chance = random.Random(5)
    for _ in range(trials(30)):
        word = f"{chance.choice(KEYS)}={chance.choice(WORDS)}"
        outcome = life("explain", "hw=h100_sxm", "model=llama3_2_1b", "engine=vllm", "opt=int4", word, "format=json")
        if outcome.status == 0:
            json.loads(outcome.out, parse_constant=lambda name, word=word: pytest.fail(f"{word}: {name}"))
        else:
            assert outcome.status == 2 and outcome.err.count("error: ") == 1, word
            assert len(outcome.err) < 2000, word


@pytest.mark.parametrize(
    "word",
    [
        "engine.tile_rows=1e308",
        "precision.kv_bits=1e308",
        "model.llama3_2_1b.head_dim=1e40",
        "axes.peak_tflops.fp16=[1,1e40]",
        "axes.bandwidth_gb_per_s=[1e-320,1]",
    ],
)
def test_what_is_not_finite_in_a_file_was_warned_of(life, word):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = life("sweep", "hw=h100_sxm", "model=llama3_2_1b", "axes.batch=[1,2]", "axes.prompt_tokens=[64]", word)
    if outcome.status == 2:
        assert outcome.err.startswith("error: ")
        return
    ds = xr.load_dataset(outcome.file)
    odd = [name for name, v in ds.data_vars.items() if v.dtype.kind == "f" and not np.isfinite(v.values).all()]
    line = next((line for line in outcome.err.splitlines() if "may be inf or NaN" in line), "")
    assert all(name in line for name in odd), (odd, outcome.err)
