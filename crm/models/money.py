"""Rates, so that "over $100K" means one thing in every currency."""

from django.db import models
from django.db.models import Q


class ExchangeRate(models.Model):
    """How many units of the organisation's base currency one unit of `currency` is worth, from a day on."""

    currency = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=18, decimal_places=8)
    valid_from = models.DateField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("currency", "-valid_from")
        constraints = (
            models.UniqueConstraint(fields=["currency", "valid_from"], name="exchange_rate_once"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_positive"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="exchange_rate_currency"),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.rate}"
