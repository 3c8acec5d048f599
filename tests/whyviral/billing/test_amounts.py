"""The amounts that we compute: never negative, never above the price, and adding up to the cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.billing.mirror.amounts import InconsistentAmounts, amounts_of, payment_status_of
from whyviral.billing.models import PaymentStatus
from whyviral.integrations.dodo.documents import PaymentState

CENTS = st.integers(min_value=0, max_value=10**12)


@given(total=CENTS, share=st.fractions(min_value=0, max_value=1), refunds=st.lists(CENTS, max_size=20))
def test_refunds_and_what_remains_add_up_to_the_payment(total: int, share: float, refunds: list[int]) -> None:
    amounts = amounts_of(total, int(total * share), refunds)

    assert 0 <= amounts.refunded_cents <= amounts.total_cents == total
    assert 0 <= amounts.tax_cents <= total
    assert amounts.net_cents + amounts.refunded_cents == total
    assert amounts.net_cents >= 0
    if sum(refunds) <= total:
        assert amounts.refunded_cents == sum(refunds)


@given(total=CENTS, refunds=st.lists(CENTS, max_size=5), data=st.data())
def test_the_order_of_refunds_does_not_matter(total: int, refunds: list[int], data: st.DataObject) -> None:
    assert amounts_of(total, 0, data.draw(st.permutations(refunds))) == amounts_of(total, 0, refunds)


@pytest.mark.parametrize(
    ("total", "tax", "refunds"), [(-1, 0, []), (100, 101, []), (100, -1, []), (100, 0, [-5]), (0, 1, [])]
)
def test_impossible_amounts_are_refused(total: int, tax: int, refunds: list[int]) -> None:
    with pytest.raises(InconsistentAmounts):
        amounts_of(total, tax, refunds)


@given(total=CENTS, refund=CENTS)
def test_only_a_payment_that_is_refunded_as_a_whole_counts_as_refunded(total: int, refund: int) -> None:
    status = payment_status_of(PaymentState.SUCCEEDED, amounts_of(total, 0, [refund]))

    assert (status is PaymentStatus.REFUNDED) == (refund >= total > 0)


@pytest.mark.parametrize("theirs", [*PaymentState, None, "a_new_status"])
def test_every_status_of_the_provider_has_one_of_ours(theirs: str | None) -> None:
    status = payment_status_of(theirs, amounts_of(100, 0, []))

    assert (status is PaymentStatus.SUCCEEDED) == (theirs == "succeeded")
    assert (status is PaymentStatus.PENDING) == (theirs is None or theirs.startswith(("requires_", "a_new"))) or (
        theirs == "requires_capture" and status is PaymentStatus.PROCESSING
    )
