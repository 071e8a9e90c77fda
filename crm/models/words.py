"""The words of the organisation (industries, sources, competitors, ...) and the spellings that mean them.

Records hold the words themselves, not keys: a decision must read the same when a word is renamed later. A word that
nobody has confirmed is kept and flagged; mapping it to a known one renames it in the records and leaves an alias.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class WordKind(models.TextChoices):
    INDUSTRY = "industry", "Industry"
    PRODUCT = "product", "Product"
    SOURCE = "source", "Source"
    COMPETITOR = "competitor", "Competitor"
    LANGUAGE = "language", "Language"
    COUNTRY = "country", "Country"
    REGION = "region", "State or region"
    CURRENCY = "currency", "Currency"
    STAGE = "stage", "Stage"
    URGENCY = "urgency", "Urgency"
    SIZE_BAND = "size_band", "Company size"


class Term(models.Model):
    """A word that records use, confirmed by a person or (not yet) only seen."""

    kind = models.CharField(max_length=15, choices=WordKind)
    name = models.CharField(max_length=120)
    is_known = models.BooleanField(default=True, help_text="Confirmed by a person, or shipped.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("kind", "name")
        constraints = (
            models.UniqueConstraint("kind", Lower("name"), name="term_once"),
            models.CheckConstraint(condition=~Q(name=""), name="term_named"),
        )

    def __str__(self) -> str:
        return self.name


class Alias(models.Model):
    """A spelling that means a term: GTXPro → GTX Pro. Applied to everything that comes in."""

    kind = models.CharField(max_length=15, choices=WordKind)
    spelling = models.CharField(max_length=200)
    term = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("kind", "spelling")
        verbose_name_plural = "aliases"
        constraints = (models.UniqueConstraint("kind", Lower("spelling"), name="alias_once"),)

    def __str__(self) -> str:
        return f"{self.spelling} → {self.term}"


class DictionaryStamp(models.Model):
    """Counts changes of what an intake looks words up in. Database triggers raise it (migration 0008), so nothing is
    missed; what a process has kept is good while its stamp is the current one."""

    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.version)
