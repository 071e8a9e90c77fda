"""Which account a lead was held to belong to, by whom, and why; and which accounts have changed since when."""

from typing import Any

from django.db import models
from django.db.models import F

from crm.models.accounts import Account
from crm.models.opportunities import Opportunity
from reps.models import User


class AccountMatch(models.Model):
    """What was found for a lead that did not name one of our accounts itself.

    `candidates` are [{account_id, confidence, why}], best first; `company` is what the lead said of its company, and
    `filled` the opportunity's fields that came from the account and go with it.
    """

    class State(models.TextChoices):
        ATTACHED = "attached", "Attached"
        CREATED = "created", "New account"
        OFFERED = "offered", "Offered to a person"
        CONFIRMED = "confirmed", "Chosen by a person"
        DECLINED = "declined", "None of ours"

    opportunity = models.OneToOneField(Opportunity, on_delete=models.CASCADE, related_name="account_match")
    state = models.CharField(max_length=10, choices=State)
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="matches"
    )
    confidence = models.FloatField(null=True, blank=True)
    why = models.CharField(max_length=300, blank=True)
    candidates: Any = models.JSONField(default=list, blank=True)
    company: Any = models.JSONField(default=dict, blank=True)
    company_key = models.CharField(
        max_length=240, blank=True, help_text="The company’s name as it is compared: leads of one company."
    )
    filled: Any = models.JSONField(default=list, blank=True)
    brought_contact = models.BooleanField(
        default=False, help_text="The contact came with this lead and moves with it to another account."
    )
    before: Any = models.JSONField(
        null=True, blank=True, help_text="What it was before the last decision of a person, for Undo."
    )
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "account matches"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["attached", "created", "offered", "confirmed", "declined"]),
                name="account_match_state_known",
            ),
        )
        indexes = (
            models.Index(
                F("created_at").desc(),
                F("id").desc(),
                condition=models.Q(state="offered"),
                name="account_match_offered",
            ),
            models.Index(
                fields=["company_key"], condition=models.Q(state="offered"), name="account_match_of_company"
            ),
        )

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.get_state_display()}"

    @property
    def seen(self) -> str:
        """What a page that shows it has seen, so that the second of two people can be told."""
        return f"{self.state}:{self.opportunity.account_id or ''}"

    @property
    def company_name(self) -> str:
        """What a new account would be called: as the lead says, else its domain; "" where it gave neither."""
        return str(self.company.get("name") or self.company.get("domain") or "")


class AccountChange(models.Model):
    """In which transaction an account was last added, changed in what is matched, or deleted. Written by triggers."""

    account_id = models.BigIntegerField(primary_key=True)
    changed_in = models.BigIntegerField(db_index=True, help_text="PostgreSQL’s number of the transaction.")

    class Meta:
        ordering = ("changed_in",)

    def __str__(self) -> str:
        return f"account {self.account_id} in {self.changed_in}"
