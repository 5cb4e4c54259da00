"""Laws of steps that were made before: sliders of requests change no law, and making one takes longer than a queue."""

import pickle
from dataclasses import replace
from functools import lru_cache

from life_jax.core.scenario import Load, Scenario
from life_jax.forecasting.step_law import step_law
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving.step_law import Law

MOST = 128  # laws, of some 50 kB each


def under_load(scenario: Scenario) -> UnderLoad:
    """The scenario under its load, with the law of its steps where it has been made for other requests before."""
    if scenario.handover.on:  # several laws, of which each is that of another device
        return UnderLoad(scenario)
    requests = replace(scenario.workload, prompt_tokens=1.0, output_tokens=1.0, batch=1.0, past_tokens=0.0)
    try:
        key = pickle.dumps(replace(scenario, workload=requests, load=Load()))
    except (pickle.PicklingError, AttributeError, TypeError):  # of a function that has no name to be found by
        return UnderLoad(scenario)
    return UnderLoad(scenario, _law(key))


@lru_cache(MOST)
def _law(of: bytes) -> Law:
    """The law of a scenario without requests, which `under_load` has written."""
    return step_law(pickle.loads(of))
