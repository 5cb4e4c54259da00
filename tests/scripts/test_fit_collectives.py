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
    return fit_collectives.all_fits(fit_collectives.rows(DATA / "serving" / "collectives.csv"))


@pytest.fixture(scope="module")
def rings(fits):
    return {fit.system: fit for fit in fits if fit.kind == "rings"}


def medians(errors):
    return [np.median(found) for found in errors.values()]


def test_few_numbers_a_system_follow_all_collectives_of_all_numbers_of_devices(fits, rings):
    assert len(fits) == 15 and len(rings) == 8
    assert np.median(np.concatenate([e for fit in fits for e in fit.fitted.values()])) < 4
    assert max(max(medians(fit.fitted)) for fit in rings.values()) < 15


def test_a_system_follows_from_two_of_its_devices_and_what_other_systems_share(rings):
    left_out = {name: fit for name, fit in rings.items() if fit.left_out}
    assert set(left_out) == {"a100_sxm", "h100_sxm", "h200_sxm", "b200_sxm", "gb200"}
    alike = {name: fit for name, fit in rings.items() if fit.generation}
    assert set(alike) == {"h100_sxm", "h200_sxm", "b200_sxm", "gb200"}  # no other system has links of the A100's
    for name, fit in alike.items():
        assert np.median(np.concatenate(list(fit.generation.values()))) < 6, name
    for name, fit in left_out.items():
        assert ("all_reduce", 2.0) not in fit.left_out
        assert np.median(np.concatenate(list(fit.left_out.values()))) < 8, name
        assert max(medians(fit.left_out)) < 16, name


def test_pcie_without_a_switch_slows_down_as_devices_join_and_nvlink_does_not(rings):
    crowding = {name: fit.numbers.crowding for name, fit in rings.items()}
    assert crowding["l40s"] > 1.5 and crowding["rtx_pro_6000_server"] > 0.2
    assert max(crowding[name] for name in ("a100_sxm", "h100_sxm", "h200_sxm", "b200_sxm")) == 0


def test_the_files_of_devices_have_what_is_fitted(rings):
    for name, fit in rings.items():
        file = fit_collectives.device(name)
        assert (file.switch_reduction or 0.0) == pytest.approx(fit.numbers.switch, abs=0.03), name
        if name in ("l40s", "rtx_pro_6000_server"):
            assert file.link_crowding == pytest.approx(fit.numbers.crowding, abs=0.03)
        assert fit_collectives.link_step(file) == pytest.approx(fit.numbers.step, abs=0.09) or name == "b60"


def test_the_page_has_the_rows_of_the_script(fits):
    page = fit_collectives.PAGE.read_text(encoding="utf-8")
    assert fit_collectives.markdown(fits) in page
