"""Which model a name of llama.cpp means that several share: it knows sizes by numbers of layers alone.

Mistral Nemo and Mistral Small have the 40 layers of LLaMA 13B and are printed as `llama 13B`, Phi-3 medium and Phi-4 as
`phi3 14B`; the number of parameters beside it tells them apart.
"""

import re
from collections.abc import Iterable
from functools import cache

from life_jax.config import conf_files, names
from life_jax.config.schema import paths
from life_jax.config.schema.model_file import ModelFile
from life_jax.measurements.readers.base import known_model, positive

NEAR, OTHER = 0.005, 0.03  # by which a printed number may be off; from where on it is another model
SCALES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "": 1.0}


def stated(cell: str) -> float | None:
    """The number of parameters [1] of a cell such as `23.57 B`."""
    match = re.fullmatch(r"([\d.]+)\s*([KMBT]?)", cell.strip())
    number = positive(match[1]) if match else None
    return number * SCALES[match[2]] if match and number else None


def model(spelled: Iterable[str], parameters: float | None) -> str:
    """The first of these names that is known, unless as many parameters are another model's: then a label of that, or
    words that are no model's."""
    name = known_model(list(spelled))
    label = names.model(name)
    if parameters is None or (label in _counts() and abs(_counts()[str(label)] / parameters - 1) < OTHER):
        return name
    if label is not None and label not in _counts():
        return name
    near = {other: abs(count / parameters - 1) for other, count in _counts().items()}
    same = [other for other in sorted(near, key=lambda other: near[other]) if near[other] < NEAR]
    if same:
        return same[0]
    return name if label is None else f"a model with {parameters / 1e9:.2f} thousand million parameters"


@cache
def _counts() -> dict[str, float]:
    """Label -> parameters [1] of the models of ours whose number somebody published."""
    files = {label: conf_files.file("model", label, ModelFile) for label in paths.choices("model")}
    return {label: float(file.parameters) for label, file in files.items() if file.parameters}
