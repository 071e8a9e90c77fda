"""What was found for a lead's company, which accounts have changed, and contacts by the end of their phone number."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# The last nine digits without an extension: enough to be a number, few enough to leave the country out.
PHONE_DIGITS = r"""
CREATE FUNCTION crm_phone_digits(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT right(regexp_replace(
        regexp_replace(given, '(?<=[0-9)])\s*(ext|x|#|;).*$', '', 'i'), '[^0-9]', '', 'g'), 9)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0005_duplicate_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(PHONE_DIGITS, "DROP FUNCTION crm_phone_digits(text)"),
        migrations.CreateModel(
            name="AccountChange",
            fields=[
                ("account_id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "changed_in",
                    models.BigIntegerField(
                        db_index=True, help_text="PostgreSQL’s number of the transaction."
                    ),
                ),
            ],
            options={
                "ordering": ("changed_in",),
            },
        ),
        migrations.CreateModel(
            name="AccountMatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("attached", "Attached"),
                            ("created", "New account"),
                            ("offered", "Offered to a person"),
                            ("confirmed", "Chosen by a person"),
                            ("declined", "None of ours"),
                        ],
                        max_length=10,
                    ),
                ),
                ("confidence", models.FloatField(blank=True, null=True)),
                ("why", models.CharField(blank=True, max_length=300)),
                ("candidates", models.JSONField(blank=True, default=list)),
                ("company", models.JSONField(blank=True, default=dict)),
                (
                    "company_key",
                    models.CharField(
                        blank=True,
                        help_text="The company’s name as it is compared: leads of one company.",
                        max_length=240,
                    ),
                ),
                ("filled", models.JSONField(blank=True, default=list)),
                (
                    "brought_contact",
                    models.BooleanField(
                        default=False,
                        help_text="The contact came with this lead and moves with it to another account.",
                    ),
                ),
                (
                    "before",
                    models.JSONField(
                        blank=True,
                        help_text="What it was before the last decision of a person, for Undo.",
                        null=True,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "account matches",
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                models.Func("phone", function="crm_phone_digits"),
                condition=models.Q(("phone", ""), _negated=True),
                name="contact_by_phone",
            ),
        ),
        migrations.AddField(
            model_name="accountmatch",
            name="account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="matches",
                to="crm.account",
            ),
        ),
        migrations.AddField(
            model_name="accountmatch",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="accountmatch",
            name="opportunity",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="account_match",
                to="crm.opportunity",
            ),
        ),
        migrations.AddIndex(
            model_name="accountmatch",
            index=models.Index(
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("state", "offered")),
                name="account_match_offered",
            ),
        ),
        migrations.AddIndex(
            model_name="accountmatch",
            index=models.Index(
                condition=models.Q(("state", "offered")),
                fields=["company_key"],
                name="account_match_of_company",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountmatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["attached", "created", "offered", "confirmed", "declined"])
                ),
                name="account_match_state_known",
            ),
        ),
    ]
