"""Links fitted to published collectives."""

import sys

import numpy as np
import pytest
from places import DATA, ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import fit_collectives

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def fits():
    table = fit_collectives.rows(DATA / "serving" / "collectives.csv")
    return [fit_collectives.fit(*of, table) for of in dict.fromkeys((row["system"], row["op"]) for row in table)]


def test_two_numbers_a_system_follow_all_collectives_of_all_numbers_of_devices(fits):
    assert len(fits) == 31
    errors = np.concatenate([times for fit in fits for times in fit.fitted.values()])
    assert np.median(errors) < 7 and max(np.median(times) for fit in fits for times in fit.fitted.values()) < 17


def test_a_hop_takes_as_long_in_every_collective_of_a_system(fits):
    for system in {fit.system for fit in fits}:
        hops = [fit.latency for fit in fits if fit.system == system and fit.kind != "alltoall"]
        assert max(hops) < 1.15 * min(hops), system


def test_pcie_without_a_switch_slows_down_as_devices_join_and_nvlink_does_not(fits):
    crowding = {fit.system: fit.crowding for fit in fits if fit.kind == "all_reduce"}
    assert crowding["l40s"] > 1.5 and crowding["rtx_pro_6000_server"] > 0.2
    assert max(crowding[name] for name in ("a100_sxm", "h100_sxm", "h200_sxm", "b200_sxm")) == 0


def test_the_page_has_the_rows_of_the_script(fits):
    page = fit_collectives.PAGE.read_text(encoding="utf-8")
    assert fit_collectives.markdown(fits) in page
