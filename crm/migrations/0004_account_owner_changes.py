"""Who owned an account when and why; transfers of many accounts, at once or on a planned day."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


# Written by the database, so that no way of writing an owner is missed. Who and why are said beforehand, for the
# transaction, by crm.services.account_owners.owners_changed_by.
FORWARD = """
CREATE FUNCTION crm_note_owner_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := coalesce(nullif(current_setting('crm.owner_change', true), ''), '{}')::jsonb;
    before bigint := NULL;
BEGIN
    IF TG_OP = 'UPDATE' THEN before := OLD.owner_id; END IF;
    INSERT INTO crm_accountownerchange
        (account_id, from_rep_id, to_rep_id, source, made_by_id, made_at, reason, transfer_id, import_run_id)
    VALUES (
        NEW.id, before, NEW.owner_id, coalesce(said->>'source', 'other'), (said->>'by')::bigint,
        coalesce((said->>'at')::timestamptz, clock_timestamp()), coalesce(said->>'reason', ''),
        (said->>'transfer')::bigint, (said->>'import_run')::bigint
    );
    RETURN NULL;
END $$;

CREATE TRIGGER account_owner_given AFTER INSERT ON crm_account
    FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL) EXECUTE FUNCTION crm_note_owner_change();
CREATE TRIGGER account_owner_changed AFTER UPDATE ON crm_account
    FOR EACH ROW WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION crm_note_owner_change();

CREATE FUNCTION crm_refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;

CREATE TRIGGER account_owner_change_immutable BEFORE UPDATE OR DELETE ON crm_accountownerchange
    FOR EACH ROW EXECUTE FUNCTION crm_refuse_change_of_history();
"""

BACKWARD = """
DROP TRIGGER account_owner_change_immutable ON crm_accountownerchange;
DROP FUNCTION crm_refuse_change_of_history();
DROP TRIGGER account_owner_changed ON crm_account;
DROP TRIGGER account_owner_given ON crm_account;
DROP FUNCTION crm_note_owner_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0003_condition_functions"),
        ("reps", "0007_one_training_at_a_time"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountTransfer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("give", "Give to one rep"),
                            ("share", "Share out among several"),
                            ("release", "Release: no owner"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "balance",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("number", "the same number of accounts"),
                            ("pipeline", "about the same open pipeline"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                            ("undone", "Undone"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "moves_open",
                    models.BooleanField(
                        default=False,
                        help_text="The old owners’ open opportunities of these accounts go along.",
                    ),
                ),
                (
                    "effective_on",
                    models.DateField(
                        blank=True,
                        help_text="From the beginning of that day; empty where it was done at once.",
                        null=True,
                    ),
                ),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "settled_at",
                    models.DateTimeField(
                        blank=True, help_text="Done, failed, cancelled or undone.", null=True
                    ),
                ),
                ("failure", models.CharField(blank=True, max_length=300)),
                ("account_count", models.PositiveIntegerField(default=0)),
                (
                    "left_alone",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Accounts that had another owner by then than when it was planned, or were deleted.",
                    ),
                ),
                ("moved_count", models.PositiveIntegerField(default=0)),
                (
                    "locked_count",
                    models.PositiveIntegerField(
                        default=0, help_text="Open opportunities that stayed: locked."
                    ),
                ),
                (
                    "assignment_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        blank=True,
                        default=list,
                        help_text="The assignments that it made, for Undo.",
                        size=None,
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-made_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="AccountOwnerChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("form", "on the account’s page"),
                            ("api", "over the API"),
                            ("import", "with an import"),
                            ("transfer", "by a transfer"),
                            ("undo", "by undoing a transfer"),
                            ("other", "outside these pages"),
                        ],
                        max_length=10,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="owner_changes",
                        to="crm.account",
                    ),
                ),
                (
                    "from_rep",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reps.rep",
                    ),
                ),
                (
                    "import_run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="crm.importrun",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "to_rep",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reps.rep",
                    ),
                ),
                (
                    "transfer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="crm.accounttransfer",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="AccountTransferItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="planned_transfers",
                        to="crm.account",
                    ),
                ),
                (
                    "from_rep",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reps.rep",
                    ),
                ),
                (
                    "to_rep",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reps.rep",
                    ),
                ),
                (
                    "transfer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="crm.accounttransfer",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.AddIndex(
            model_name="accounttransfer",
            index=models.Index(
                condition=models.Q(("state", "planned")),
                fields=["effective_on", "id"],
                name="account_transfer_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="accounttransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "planned"), _negated=True),
                    ("effective_on__isnull", False),
                    _connector="OR",
                ),
                name="account_transfer_planned_for_a_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="accounttransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at__isnull", True), ("state", "planned")),
                    models.Q(models.Q(("state", "planned"), _negated=True), ("settled_at__isnull", False)),
                    _connector="OR",
                ),
                name="account_transfer_settled_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="accounttransferitem",
            constraint=models.UniqueConstraint(
                fields=("transfer", "account"), name="account_transfer_item_once"
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
