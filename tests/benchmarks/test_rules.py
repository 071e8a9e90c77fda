"""The benchmark of conditions: both forms count the same, and nothing stays behind."""

from benchmarks import rules
from crm.models import Opportunity, Product


def test_short_run_counts_alike_and_leaves_nothing(db: None) -> None:
    result = rules.in_number(short=True, say=lambda text: None)
    assert set(result) >= {"vs_naive", "vs_naive_each", "vs_naive_alone"}
    assert rules.rules_ms(short=True) > 0
    assert (Opportunity.objects.count(), Product.objects.count()) == (0, 0)
