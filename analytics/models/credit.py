"""The crediting table that ops import, and what of the assignments it gives no credit for."""

from django.db import models
from django.db.models import F, Q

from crm.models import Assignment
from crm.models.accounts import SizeBand
from crm.models.opportunities import Opportunity
from reps.models import Rep, User
from territories.models import Territory


class CreditTable(models.Model):
    """One import, kept whole. The one used last is the one that counts; one taken back has no `used_at`."""

    file_name = models.CharField(max_length=200, blank=True)
    imported_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    imported_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    checked_to = models.BigIntegerField(
        default=0, help_text="Assignments up to this id are checked against it."
    )

    class Meta:
        ordering = ("-imported_at", "-id")

    def __str__(self) -> str:
        return f"Crediting table {self.pk}"


class QuotaCredit(models.Model):
    """A row: what a rep gets credit for. Empty is any; a territory stands for those inside it as well."""

    table = models.ForeignKey(CreditTable, on_delete=models.CASCADE, related_name="rows")
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="quota_credits")
    territory = models.ForeignKey(
        Territory, null=True, blank=True, on_delete=models.CASCADE, related_name="quota_credits"
    )
    industry = models.CharField(max_length=120, blank=True)
    size_band = models.CharField(max_length=12, choices=SizeBand, blank=True)
    product = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, choices=Opportunity.Kind, blank=True)
    source = models.CharField(max_length=80, blank=True)
    share = models.FloatField(default=100, help_text="In per cent.")
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ("table", "id")
        constraints = (
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=100), name="quota_credit_share"),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lte=F("valid_until")),
                name="quota_credit_days_ordered",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rep}: {self.share:g} %"

    @property
    def segment(self) -> str:
        """What it names besides the territory."""
        named = (
            self.industry, self.get_size_band_display(), self.product, self.get_kind_display(), self.source,
        )  # fmt: skip
        return ", ".join(filter(None, named))


class CreditCheck(models.Model):
    """What the rep of an assignment gets for it by a table, and what sent it there. Kept by `credit_checks`."""

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="credit_check")
    table = models.ForeignKey(CreditTable, on_delete=models.CASCADE, related_name="+", db_index=False)
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField(help_text="Of the assignment, in UTC.")
    share = models.FloatField(null=True, blank=True, help_text="In per cent; empty: not in the table.")
    why = models.CharField(max_length=10, help_text="Of analytics.engine.credit.Why.")
    rule = models.CharField(max_length=120, blank=True, help_text="That routed it there.")
    rule_id = models.BigIntegerField(null=True, blank=True)
    policy = models.CharField(max_length=120, blank=True)
    territory = models.CharField(max_length=120, blank=True)
    by_person = models.BooleanField(default=False, help_text="Somebody chose otherwise than the router.")
    team_id = models.BigIntegerField(help_text="The rep’s, when it was checked.")
    kind = models.CharField(max_length=10)
    source = models.CharField(max_length=80, blank=True)
    value_base = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ("-day", "-id")
        indexes = (models.Index(fields=["table", "day"], name="credit_check_by_day"),)

    def __str__(self) -> str:
        return f"{self.assignment_id}: {self.why}"
