"""Prints conf/model/NAME.yaml for a Hugging Face config.json, with the parameters that follow from its shape.

python scripts/make_model.py config.json llama2_7b --source meta-llama/Llama-2-7b-hf > conf/model/llama2_7b.yaml
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import read_config
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import parameter_count

COUNTED = "counted from the shape"


def counted(said: Mapping[str, Any], parameters: int | None = None, source: str = COUNTED) -> dict[str, Any]:
    """The keys of a model's file with its number of parameters, in the order of the schema."""
    file = check(said, ModelFile, f"model.{said['name']}")
    count = round(parameter_count(architecture(file, f"model.{said['name']}")))
    values = {**said, "parameters": parameters or count, "parameters_source": source}
    keys = (*ModelFile.__dataclass_fields__, *ModelFile.more_numbers())
    return {key: values[key] for key in keys if key in values}


def to_yaml(values: Mapping[str, Any]) -> str:
    """One `key: value` line each; an entry of a list is a line of its own."""
    return "".join(f"{key}:{entry(value)}\n" for key, value in values.items())


def entry(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"\n  - {flow(one)}" for one in value)
    return f" {scalar(value)}"


def flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {scalar(one)}" for key, one in value.items()) + "}"
    return scalar(value)


def scalar(value: Any) -> str:
    """A number, yes-or-no or text; text is quoted only where YAML would read it as something else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = value and (value[0].isalpha() or value[0] == "/") and ": " not in value and " #" not in value
        plain = plain and value.isprintable() and not value.endswith((":", " "))
        word = value.lower() not in ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
        return value if plain and word else "'" + " ".join(value.split()).replace("'", "''") + "'"
    return repr(value)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Print conf/model/NAME.yaml for a Hugging Face config.json.")
    parser.add_argument("config", type=Path, help="the config.json")
    parser.add_argument("name", help="the model's name, such as llama2_7b")
    parser.add_argument("--source", default="", help="where the config.json came from")
    said = parser.parse_args(arguments)
    try:
        print(to_yaml(counted(read_config(said.config, said.name, said.source))), end="")
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
