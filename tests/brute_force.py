"""Plans by brute force: every design of a small space forecast and compared with every other."""

import numpy as np

import life_jax as life
from life_jax.planner import times
from life_jax.planner.designs import settle
from life_jax.studies.planning import _designs, plan


def planned(*words):
    return plan(life.load(list(words), primary="plan"))


def brute_force(study):
    """Places of the designs that meet and are not dominated, every design forecast and compared with every other."""
    designs = _designs(study)
    settle(designs, lambda count: None)
    alive = designs.alive
    z = times.STANDARD.inv_cdf(designs.question.confidence)
    of = times.times(designs, alive, np.array([0.0, z]), lambda count: None)
    met = np.all([of[name][:, 1] <= limit for name, limit in designs.question.targets.items()], axis=0)
    met &= np.isfinite(of["ttft"][:, 0]) & np.isfinite(of["tpot"][:, 0])
    numbers = [
        (designs.price[place], of["ttft"][i, 0], of["tpot"][i, 0], -designs.quality[place], place)
        for i, place in enumerate(alive)
        if met[i]
    ]

    def alike(mine, other):  # what formats of two models keep does not compare them
        return len({designs.candidates[designs.case[one[4]]].model for one in (mine, other)}) == 1

    return {
        mine[4]
        for mine in numbers
        if not any(
            all(b <= a for a, b in zip(mine[:4], other[:4], strict=True))
            and other[:4] != mine[:4]
            and alike(mine, other)
            for other in numbers
        )
    }
