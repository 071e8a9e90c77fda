"""Companies and the people there. An account with an owner is a named account."""

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Right, Upper

from reps.models import Rep


class SizeBand(models.TextChoices):
    """Company size by number of employees."""

    MICRO = "1-49", "1 to 49"
    SMALL = "50-199", "50 to 199"
    MEDIUM = "200-999", "200 to 999"
    LARGE = "1000-4999", "1,000 to 4,999"
    ENTERPRISE = "5000+", "5,000 and more"


class Account(models.Model):
    name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    domain = models.CharField(max_length=200, blank=True)
    industry = models.CharField(max_length=120, blank=True)
    employees = models.PositiveIntegerField(null=True, blank=True)
    size_band = models.CharField(max_length=12, choices=SizeBand, blank=True)
    annual_revenue = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    country = models.CharField(max_length=60, blank=True, help_text="ISO code where it is known.")
    region = models.CharField("state or region", max_length=80, blank=True)
    city = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    founded_year = models.PositiveSmallIntegerField(null=True, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="subsidiaries"
    )
    owner = models.ForeignKey(
        Rep,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="accounts",
        help_text="New opportunities of this account go to its owner.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(condition=~Q(name=""), name="account_named"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="account_not_own_parent"
            ),
        )
        indexes = (
            models.Index(Upper("name"), name="account_by_name"),
            models.Index(Lower("domain"), condition=~Q(domain=""), name="account_by_domain"),
        )

    def __str__(self) -> str:
        return self.name


def _without(text: Func, pattern: str, flags: str) -> Func:
    return Func(
        text,
        Value(pattern),
        Value(""),
        Value(flags),
        function="REGEXP_REPLACE",
        output_field=models.TextField(),
    )


# The last seven digits before any extension: whoever may have the same phone number, however it is written. What is the
# same number is decided in Python, by country; this only finds the few to look at (index contact_by_phone_tail).
PHONE_TAIL = Right(_without(_without(Lower("phone"), "(x|ext|#).*$", ""), "[^0-9]", "g"), 7)


class Contact(models.Model):
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.CASCADE, related_name="contacts"
    )
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    title = models.CharField(max_length=120, blank=True)
    preferred_language = models.CharField(max_length=60, blank=True)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name", "id")
        constraints = (models.CheckConstraint(condition=~Q(name=""), name="contact_named"),)
        indexes = (
            models.Index(Lower("email"), condition=~Q(email=""), name="contact_by_email"),
            models.Index(PHONE_TAIL, condition=~Q(phone=""), name="contact_by_phone_tail"),
            models.Index(
                Func("phone", function="crm_phone_digits"), condition=~Q(phone=""), name="contact_by_phone"
            ),
        )

    def __str__(self) -> str:
        return self.name


class RegionLanguage(models.Model):
    """Which language a place speaks, where a contact states none. The region wins over its country."""

    country = models.CharField(max_length=60)
    region = models.CharField("state or region", max_length=80, blank=True)
    language = models.CharField(max_length=60)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("country", "region")
        constraints = (
            models.UniqueConstraint(Lower("country"), Lower("region"), name="region_language_once"),
        )

    def __str__(self) -> str:
        return f"{self.country} {self.region}: {self.language}"
