"""Three rows of a machine that no constant was fitted to bring its other rows nearer."""

import numpy as np
import pytest
from places import DATA, ROOT

pytestmark = pytest.mark.data


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import calibrated_host

    return calibrated_host


@pytest.mark.parametrize(("table", "ttft", "tpot"), [("llama_cpp.csv", 10, 8), ("hf.csv", 10, 12)])
def test_other_rows_after_three_that_are_recommended(script, table, ttft, tpot):
    host = script.Host((DATA / "host" / table).resolve())
    log = host.after(host.recommended())
    assert np.isnan(log).sum() == script.THREE
    for kind, most in (("TTFT", ttft), ("TPOT", tpot)):
        assert 100 * np.nanmean(np.abs(np.exp(log[host.kind == kind]) - 1)) < most
