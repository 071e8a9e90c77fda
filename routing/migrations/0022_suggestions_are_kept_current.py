"""Suggestions are kept current, and the queue pages by an index in every order."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0009_not_offered_again"),
        ("reps", "0016_team_names_raise_the_stamp"),
        ("routing", "0021_first_touch_clocks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FactsChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="queueitem",
            name="checked_configuration",
            field=models.ForeignKey(
                db_index=False,
                help_text="By which it was decided, or looked at last and found to hold.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="routing.configurationversion",
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="checked_model",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="routing.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="facts_changed_at",
            field=models.DateTimeField(
                blank=True, help_text="When the lead changed since; written by triggers.", null=True
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="is_exempt",
            field=models.BooleanField(
                default=False, help_text="It belongs to whom it suggests, whatever the load."
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="is_of_batch",
            field=models.BooleanField(default=False, help_text="It was decided in a batch of its policy."),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="lead_score",
            field=models.PositiveSmallIntegerField(default=0, help_text="Of the opportunity; 0 without."),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="renewed_because",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="renewed_from",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Whom the suggestion named that gave way to this item.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="reps.rep",
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="score",
            field=models.FloatField(default=0, help_text="The match score of whom it suggests; 0 without."),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="taken_back_because",
            field=models.CharField(
                blank=True, help_text="Why automation took a suggestion back: “who has left”.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="value",
            field=models.DecimalField(
                decimal_places=2,
                default=0,
                help_text="Of the opportunity, in the base currency; a trigger keeps it, the lead score and the points.",
                max_digits=16,
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                django.db.models.expressions.CombinedExpression(
                    models.Value(0.0), "-", models.F("order_points")
                ),
                models.F("id"),
                condition=models.Q(("state", "pending")),
                name="queue_item_by_points",
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                django.db.models.functions.comparison.Coalesce(
                    models.F("touch_due_at"),
                    models.Value(datetime.datetime(9999, 1, 1, 0, 0, tzinfo=datetime.UTC)),
                ),
                models.F("id"),
                condition=models.Q(("state", "pending")),
                name="queue_item_by_due",
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["value", "id"], name="queue_item_by_value"
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["score", "id"], name="queue_item_by_score"
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["lead_score", "id"],
                name="queue_item_by_lead_score",
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["kind", "waiting_since", "id"],
                name="queue_item_by_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["team"], name="queue_item_pending_by_team"
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("kind", "suggestion"), ("state", "pending")),
                fields=["checked_configuration", "checked_model"],
                name="queue_item_checked",
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("facts_changed_at__isnull", False), ("state", "pending")),
                fields=["facts_changed_at"],
                name="queue_item_facts_changed",
            ),
        ),
        migrations.AddField(
            model_name="factschange",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="crm.account",
            ),
        ),
        migrations.AddField(
            model_name="factschange",
            name="product",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="crm.product",
            ),
        ),
    ]
