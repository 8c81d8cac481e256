"""The watch over the device sees what it is there to see."""

import pytest
import torch
from tiny.residency import OnDevice

OFFENCES = {
    "a number is read": (lambda x: x.sum().item(), "waits"),
    "a branch depends on a number": (lambda x: bool(x.any()), "waits"),
    "all numbers are read": (lambda x: [float(one) for one in x], "waits"),
    "a boolean index": (lambda x: x[x > 0], "waits"),
    "rows written by a boolean index": (lambda x: x.index_put_((x > 0,), x), "waits"),
    "nonzero": (lambda x: x.nonzero(), "waits"),
    "unique": (lambda x: x.unique(), "waits"),
    "masked_select": (lambda x: x.masked_select(x > 0), "waits"),
    "equality of all": (lambda x: torch.equal(x, x + 1), "waits"),
    "a cast to float64": (lambda x: x.double(), "float64"),
    "a new float64": (lambda x: torch.zeros(2, dtype=torch.float64, device=x.device), "float64"),
}


@pytest.mark.parametrize("kind", ["cpu", "meta"])
@pytest.mark.parametrize("offence", OFFENCES)
def test_an_offence_is_noticed(offence, kind):
    act, told = OFFENCES[offence]
    with OnDevice(kind), pytest.raises(AssertionError, match=told):
        act(torch.ones(3, device=kind))


def test_a_copy_to_the_host_is_noticed_and_an_upload_is_not():
    with OnDevice("meta"):
        uploaded = torch.ones(3, dtype=torch.float64).float().to("meta")
        with pytest.raises(NotImplementedError, match="meta"):
            uploaded.to("cpu")
        with pytest.raises(AssertionError, match="leaves"):
            torch.empty_like(uploaded, device="cpu")


def test_what_stays_is_left_alone():
    with OnDevice("cpu"):
        x = torch.ones(3).half().float()
        x[x > 2] = 0.0
        assert (torch.where(x > 0, x, 0) @ x[torch.tensor([2, 1, 0])]).shape == ()
    with OnDevice("meta"):
        assert torch.ones(3).double().sum().item() == 3
