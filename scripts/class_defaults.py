"""Writes conf/class_defaults.yaml: the sizes that transformers' classes fill in.

Usage, with transformers installed (no torch needed): PYTHONPATH=. python scripts/class_defaults.py
"""

import dataclasses
import warnings
from pathlib import Path

import transformers
import yaml
from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

from life_jax.config.checkpoints.config_fields import ALIASES, HARMLESS
from life_jax.config.checkpoints.families.index import FAMILIES, SAME

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "conf" / "class_defaults.yaml"
TEXT = ("text_config", "llm_config", "thinker_config", "language_config")
HEAD = """# What transformers fills in where a config.json is silent: sizes by model_type, the text model of a wrapper.
# Written by scripts/class_defaults.py from the classes of transformers {version} (models/*/configuration_*.py).
"""


def sizes(model_type: str) -> dict[str, int]:
    """The whole numbers that the class of a model_type has by default, under the names of config.json."""
    kind = CONFIG_MAPPING[model_type]
    kept = {name for names in ALIASES.values() for name in names}
    found = {}
    for field in dataclasses.fields(kind):
        value = field.default
        if type(value) is int and value >= 0 and (field.name in kept or not HARMLESS.fullmatch(field.name)):
            found[field.name] = value
    return {key: found[key] for key in sorted(found)}


def text_of(model_type: str) -> str | None:
    """The model_type of the text model that a wrapper has by default."""
    try:
        config = CONFIG_MAPPING[model_type]()
    except Exception:
        return None
    inner = next((getattr(config, name) for name in TEXT if getattr(config, name, None) is not None), None)
    if inner is None:
        return None
    inner = inner if isinstance(inner, dict) else inner.to_dict()
    nested = next((inner[name] for name in TEXT if isinstance(inner.get(name), dict)), None)
    return (nested or inner).get("model_type")


def main() -> None:
    warnings.filterwarnings("ignore")
    known = {*FAMILIES, *SAME}
    table = {name: found for name in sorted(known & {*CONFIG_MAPPING_NAMES}) if (found := sizes(name))}
    texts = {name: text_of(name) for name in sorted(CONFIG_MAPPING_NAMES)}
    texts = {name: text for name, text in texts.items() if text in known and name not in known}
    body = yaml.safe_dump({"sizes": table, "text_models": texts}, width=110, default_flow_style=None)
    OUT.write_text(HEAD.format(version=transformers.__version__) + body, encoding="utf-8")


if __name__ == "__main__":
    main()
