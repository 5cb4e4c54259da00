"""Drafts, parts on a CPU and prompts elsewhere beside the formats of a plan: studies of those that bounds leave."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from life_jax.config.plan_question import DISAGGREGATED, OFFLOAD, defaults
from life_jax.config.schema import paths
from life_jax.config.schema.errors import unknown
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.config.word_values import text as as_text
from life_jax.config.words import key_and_text
from life_jax.planner import rows, times
from life_jax.planner.additions import Addition, additions, offloaded, weighed, with_layers
from life_jax.planner.designs import ALIVE, REASONS, Candidate
from life_jax.planner.search import Found, search_further
from life_jax.studies.loading import load
from life_jax.studies.study import Study

FEW = 2**16  # designs with an addition that are tried unasked: a catalogue of one model has half as many
ABOUT = ("description", "kind", "source")  # keys of an option's file that are no numbers
REPLACED = ("hw", "opt", "axes.opt", "also")
UNITS = REASONS.index("units")


@dataclasses.dataclass
class Added:
    """What additions bring to a plan: the study with their stacks, designs that were never built by reason, lines, and
    those that were not tried with how many designs they would bring."""

    study: Study
    rejected: Counter[str]
    warnings: list[str]
    untried: dict[str, int]


def add(study: Study, found: Found, done: rows.Done) -> Added:
    """Search a plan's space with what its question says to try beside each format."""
    assert study.plan_question is not None
    result = Added(study, Counter(), [], {})
    whole = len(found.designs.candidates)
    for model in study.composed.model:
        for addition in additions(study.plan_question.also, model, _contents(study)):
            if addition.option == DISAGGREGATED and not times.is_loaded(found.designs.scenarios[0]):
                continue  # whose prompts nobody waits for
            _try(result, found, addition, model, whole, done)
    return result


def _contents(study: Study) -> dict[str, dict[str, Any]]:
    """Numbers of options, as typed."""
    assert study.plan_question is not None
    contents = {}
    for name in study.plan_question.also:
        content = read_yaml(paths.choices("opt", ())[name])
        pairs = (pair for word in study.words if (pair := key_and_text(word)) is not None)
        own = {key.removeprefix(f"opt.{name}."): text for key, text in pairs if key.startswith(f"opt.{name}.")}
        for key in own:
            if key not in content:
                raise unknown(f"opt.{name} has no key of that name:", key, [k for k in content if k not in ABOUT])
        contents[name] = {**content, **own}
    return contents


def _try(result: Added, found: Found, addition: Addition, model: str, whole: int, done: rows.Done) -> None:
    designs = found.designs
    wide = len(designs.layouts) * len(designs.points)
    own = np.array([c.model == model for c in designs.candidates[:whole]])
    status = np.full((whole, wide), UNITS)
    status[:] = weighed(found, addition)[: whole * wide].reshape(whole, wide)
    left = (status == ALIVE) & own[:, None]
    assert result.study.plan_question is not None
    if result.study.plan_question.also_if_few and left.sum() > FEW:
        result.untried[addition.option] = result.untried.get(addition.option, 0) + int(left.sum())
        return
    open_, new = np.flatnonzero(left.any(1)), {}
    if len(open_):
        new = _candidates(result, found, addition, open_, done)
    for at in np.flatnonzero(own).tolist():
        if at not in new:
            reasons = np.where(status[at] == ALIVE, UNITS, status[at])
            result.rejected.update(REASONS[reason] for reason in reasons.tolist())
    if new:
        search_further(found, list(new.values()), status[list(new)].reshape(-1), done)


def _candidates(
    result: Added, found: Found, addition: Addition, places: np.ndarray, done: rows.Done
) -> dict[int, Candidate]:
    """Candidates with the addition, by number of those without."""
    bases = [found.designs.candidates[at] for at in places]
    study = load(_words(result.study, addition, bases), primary="plan")
    cases = {(c.keys.model, c.keys.hw, c.keys.opt, c.keys.engine): c for c in study.cases}
    new = {}
    for at, base in zip(places.tolist(), bases, strict=True):
        case = cases.get((base.model, base.hw, _label(base.opt, addition), base.engine))
        if case is not None:
            new[at] = dataclasses.replace(
                base, opt=case.keys.opt, scenario=case.built.scenario, addition=addition.option
            )
    if addition.option == OFFLOAD:
        new = dict(_offloaded(new, _host(result.study), done))
        if new:
            result.warnings.append(f"what does not fit a card is on {_host(result.study)}: offload.hw= names another")
    result.study = _merged(result.study, study)
    return new


def _offloaded(new: Mapping[int, Candidate], host: str, done: rows.Done) -> Iterator[tuple[int, Candidate]]:
    """Candidates with as many layers on the CPU as do not fit."""
    numbers = offloaded([one.scenario for one in new.values()], done) if new else []
    for (at, one), (name, count) in zip(new.items(), numbers, strict=True):
        layers = max(count, 1)  # what fits in no way is refused for its memory
        words = (f"offload.hw={host}", f"opt.offload.{name}={layers}")
        yield at, dataclasses.replace(one, scenario=with_layers(one.scenario, name, layers), words=words)


def _host(study: Study) -> str:
    typed = dict(pair for word in study.words if (pair := key_and_text(word)) is not None)
    return typed.get("offload.hw", str(defaults()["offload"]["hw"]))


def _label(opt: str, addition: Addition) -> str:
    return addition.option if opt == "none" else f"{opt}+{addition.option}"


def _words(study: Study, addition: Addition, bases: list[Candidate]) -> list[str]:
    """Words of the study of an addition: the devices and formats that are in question."""
    devices = list(dict.fromkeys(one.hw for one in bases))
    stacks = [[*study.stacks[opt], addition.option] for opt in dict.fromkeys(one.opt for one in bases)]
    all_of_them = len(devices) == len(study.composed.hw)
    kept = []
    for word in study.words:
        key, _ = key_and_text(word) or ("", "")
        other = key.startswith("hw.") and key.split(".")[1] not in devices
        of_host = key.startswith(("offload.", "opt.offload.")) and addition.option != OFFLOAD
        if not (other or of_host or key in REPLACED) or (key == "hw" and all_of_them):
            kept.append(word)
    if not all_of_them:
        kept.append(f"hw={as_text([study.typed['hw'][one] for one in devices], 'hw')}")
    if addition.option == OFFLOAD:
        experts = any(model.num_experts for model in study.composed.model.values())
        kept = [word for word in kept if not word.startswith(("offload.hw=", "opt.offload."))]
        kept += [f"offload.hw={_host(study)}", f"opt.offload.{'cpu_expert_layers' if experts else 'cpu_layers'}=1"]
    return [*kept, f"axes.opt={as_text(stacks, 'axes.opt')}", "also=none"]


def _merged(study: Study, other: Study) -> Study:
    """The study with stacks and engines of another one."""
    one, two = study.composed, other.composed
    composed = dataclasses.replace(one, engines={**two.engines, **one.engines}, kinds={**two.kinds, **one.kinds})
    return dataclasses.replace(study, composed=composed, stacks={**study.stacks, **other.stacks})
