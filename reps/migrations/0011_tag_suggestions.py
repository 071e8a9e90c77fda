"""Suggested expertise tags with the reviews that find them and their settings; a profile change may say where it came
from; one review at a time."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reps", "0008_over_capacity_episodes"),
    ]

    operations = [
        migrations.CreateModel(
            name="TagReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("schedule", "by the calendar"),
                            ("person", "asked for"),
                            ("command", "by a command"),
                            ("setup", "with the demo data"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "window_start",
                    models.DateTimeField(help_text="Deals closed since then count as evidence."),
                ),
                (
                    "deals",
                    models.PositiveIntegerField(default=0, help_text="Won and lost deals in the window."),
                ),
                ("reps", models.PositiveIntegerField(default=0, help_text="Reps who closed them.")),
                (
                    "pairs",
                    models.PositiveIntegerField(
                        default=0, help_text="Pairs of a rep and a value that were looked at."
                    ),
                ),
                (
                    "found",
                    models.PositiveIntegerField(default=0, help_text="Suggestions that stood after it."),
                ),
                (
                    "fresh",
                    models.PositiveIntegerField(
                        default=0, help_text="Of them, those that were not open before."
                    ),
                ),
                (
                    "remembered",
                    models.PositiveIntegerField(default=0, help_text="Left out, as they had been dismissed."),
                ),
                (
                    "superseded",
                    models.PositiveIntegerField(default=0, help_text="Open ones that it no longer found."),
                ),
                (
                    "unavailable",
                    models.CharField(blank=True, help_text="Why nothing could be said.", max_length=300),
                ),
                ("settings", models.JSONField(default=dict, help_text="The thresholds of that day.")),
            ],
            options={
                "ordering": ("-at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="TagReviewSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "months_between",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Every month"),
                            (2, "Every two months"),
                            (3, "Every quarter"),
                            (4, "Every four months"),
                            (6, "Every half-year"),
                            (12, "Once a year"),
                        ],
                        default=3,
                    ),
                ),
                (
                    "window_months",
                    models.PositiveSmallIntegerField(
                        default=12,
                        validators=[
                            django.core.validators.MinValueValidator(3),
                            django.core.validators.MaxValueValidator(36),
                        ],
                    ),
                ),
                (
                    "least_wins",
                    models.PositiveSmallIntegerField(
                        default=4,
                        validators=[
                            django.core.validators.MinValueValidator(2),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                (
                    "least_language_wins",
                    models.PositiveSmallIntegerField(
                        default=3,
                        validators=[
                            django.core.validators.MinValueValidator(2),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                (
                    "plenty_wins",
                    models.PositiveSmallIntegerField(
                        default=15,
                        validators=[
                            django.core.validators.MinValueValidator(2),
                            django.core.validators.MaxValueValidator(500),
                        ],
                    ),
                ),
                (
                    "least_lift",
                    models.FloatField(
                        default=1.2,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                    ),
                ),
                (
                    "false_share_pct",
                    models.PositiveSmallIntegerField(
                        default=25,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(50),
                        ],
                    ),
                ),
                (
                    "stale_after_months",
                    models.PositiveSmallIntegerField(
                        default=6,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(36),
                        ],
                    ),
                ),
                (
                    "silent_after_months",
                    models.PositiveSmallIntegerField(
                        default=18,
                        validators=[
                            django.core.validators.MinValueValidator(3),
                            django.core.validators.MaxValueValidator(60),
                        ],
                    ),
                ),
                (
                    "least_deals_to_remove",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(3),
                            django.core.validators.MaxValueValidator(200),
                        ],
                    ),
                ),
                (
                    "least_deals_while_silent",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(500),
                        ],
                    ),
                ),
                (
                    "dismissed_growth_pct",
                    models.PositiveSmallIntegerField(
                        default=50,
                        validators=[
                            django.core.validators.MinValueValidator(10),
                            django.core.validators.MaxValueValidator(500),
                        ],
                    ),
                ),
                (
                    "dismissed_months",
                    models.PositiveSmallIntegerField(
                        default=12,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "tag review settings",
            },
        ),
        migrations.CreateModel(
            name="TagSuggestion",
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
                            ("industry", "Industry"),
                            ("product", "Product"),
                            ("language", "Language"),
                            ("competitor", "Competitor experience"),
                            ("certification", "Certification"),
                            ("deal_size", "Deal size range"),
                        ],
                        max_length=15,
                    ),
                ),
                (
                    "name",
                    models.CharField(help_text="The tag; of a deal size the range in words.", max_length=120),
                ),
                ("low", models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True)),
                ("high", models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True)),
                (
                    "proficiency",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Learning"), (2, "Solid"), (3, "Expert")], default=2
                    ),
                ),
                ("action", models.CharField(choices=[("add", "Add"), ("remove", "Remove")], max_length=10)),
                (
                    "source",
                    models.CharField(
                        choices=[("deals", "closed deals"), ("overrides", "graded overrides")],
                        default="deals",
                        max_length=10,
                    ),
                ),
                ("sentence", models.CharField(help_text="The evidence in words.", max_length=300)),
                ("wins", models.PositiveIntegerField(default=0)),
                ("deals", models.PositiveIntegerField(default=0)),
                ("expected", models.FloatField(blank=True, help_text="Wins by chance.", null=True)),
                ("p_value", models.FloatField(blank=True, null=True)),
                ("q_value", models.FloatField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("approved", "Approved"),
                            ("dismissed", "Dismissed"),
                            ("superseded", "No longer suggested"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("suggested_at", models.DateTimeField(help_text="When it was found first.")),
                ("found_at", models.DateTimeField(help_text="When it was found last.")),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "reason",
                    models.CharField(
                        blank=True, help_text="Why it was dismissed or no longer holds.", max_length=300
                    ),
                ),
                (
                    "before",
                    models.JSONField(blank=True, default=dict, help_text="What the approval replaced."),
                ),
            ],
            options={
                "ordering": ("-found_at", "id"),
            },
        ),
        migrations.AddField(
            model_name="profilechange",
            name="note",
            field=models.CharField(
                blank=True, help_text="Where it came from, such as a suggestion.", max_length=400
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "tag review"), ("state__in", ("queued", "running"))),
                fields=("kind",),
                name="job_one_tag_review_at_a_time",
            ),
        ),
        migrations.AddField(
            model_name="tagreview",
            name="job",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="reps.job",
            ),
        ),
        migrations.AddField(
            model_name="tagreview",
            name="requested_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="tagreviewsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("id", 1)), name="tag_review_settings_one_row"
            ),
        ),
        migrations.AddConstraint(
            model_name="tagreviewsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("false_share_pct__gte", 1),
                    ("least_lift__gte", 1),
                    ("months_between__in", [1, 2, 3, 4, 6, 12]),
                    ("silent_after_months__gte", models.F("window_months")),
                ),
                name="tag_review_settings_ranges",
            ),
        ),
        migrations.AddField(
            model_name="tagsuggestion",
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
            model_name="tagsuggestion",
            name="rep",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="tag_suggestions", to="reps.rep"
            ),
        ),
        migrations.AddField(
            model_name="tagsuggestion",
            name="review",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="suggestions",
                to="reps.tagreview",
            ),
        ),
        migrations.AddConstraint(
            model_name="tagreview",
            constraint=models.CheckConstraint(
                condition=models.Q(("trigger__in", ["schedule", "person", "command", "setup"])),
                name="tag_review_trigger_known",
            ),
        ),
        migrations.AddIndex(
            model_name="tagsuggestion",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["rep"], name="tag_suggestion_open"
            ),
        ),
        migrations.AddIndex(
            model_name="tagsuggestion",
            index=models.Index(fields=["rep", "kind", "-decided_at"], name="tag_suggestion_decided"),
        ),
        migrations.AddConstraint(
            model_name="tagsuggestion",
            constraint=models.UniqueConstraint(
                models.F("rep"),
                models.F("kind"),
                models.F("action"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("state", "open"), models.Q(("kind", "deal_size"), _negated=True)),
                name="tag_suggestion_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="tagsuggestion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "deal_size"), ("state", "open")),
                fields=("rep", "action"),
                name="tag_suggestion_one_open_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="tagsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["open", "superseded"]), ("decided_at__isnull", False), _connector="OR"
                ),
                name="tag_suggestion_decided_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="tagsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("wins__lte", models.F("deals"))), name="tag_suggestion_counts"
            ),
        ),
        migrations.AddConstraint(
            model_name="tagsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="tag_suggestion_named"
            ),
        ),
        migrations.AddConstraint(
            model_name="tagsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("action__in", ["add", "remove"]),
                    ("state__in", ["open", "approved", "dismissed", "superseded"]),
                ),
                name="tag_suggestion_known",
            ),
        ),
    ]
