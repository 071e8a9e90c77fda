# Messages on their way out, and how users want them

import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import routing.models.deliveries
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0007_account_changes_are_noted"),
        ("reps", "0015_profile_reviews"),
        ("routing", "0015_batches_shadow_and_ready"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChatChannel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                ("sealed", models.BinaryField(default=bytes)),
                ("service", models.CharField(editable=False, max_length=40)),
                ("hint", models.CharField(editable=False, max_length=120)),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("assigned", "Opportunities assigned to me"),
                                ("asked_again", "Somebody asks again about an opportunity of mine"),
                                ("waiting", "What waits in the queue of my teams"),
                                ("capacity", "Reps over capacity"),
                                ("accounts", "Named accounts and their transfers"),
                                ("profiles", "Profiles, reviews and suggested tags"),
                                ("calendars", "Calendars that cannot be read"),
                            ],
                            max_length=12,
                        ),
                        size=None,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("chat", "Chat"), ("team", "Team channel")], max_length=8
                    ),
                ),
                ("kind", models.CharField(blank=True, help_text="Empty for a digest.", max_length=12)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("delivered", "Delivered"),
                            ("withheld", "Withheld"),
                            ("dead", "Given up"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-day", "-id"),
            },
        ),
        migrations.CreateModel(
            name="NotificationSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("choices", models.JSONField(blank=True, default=dict)),
                ("chat_sealed", models.BinaryField(default=bytes)),
                ("chat_service", models.CharField(blank=True, max_length=40)),
                ("chat_hint", models.CharField(blank=True, max_length=120)),
                ("quiet_from", models.TimeField(blank=True, null=True)),
                ("quiet_until", models.TimeField(blank=True, null=True)),
                (
                    "quiet_days",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(
                            choices=[
                                (0, "Monday"),
                                (1, "Tuesday"),
                                (2, "Wednesday"),
                                (3, "Thursday"),
                                (4, "Friday"),
                                (5, "Saturday"),
                                (6, "Sunday"),
                            ]
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("urgent_in_quiet", models.BooleanField(default=False)),
                ("digest_at", models.TimeField(default=datetime.time(8, 0))),
                (
                    "digest_days",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(
                            choices=[
                                (0, "Monday"),
                                (1, "Tuesday"),
                                (2, "Wednesday"),
                                (3, "Thursday"),
                                (4, "Friday"),
                                (5, "Saturday"),
                                (6, "Sunday"),
                            ]
                        ),
                        blank=True,
                        default=routing.models.deliveries.working_days,
                        size=None,
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.RemoveIndex(
            model_name="outboxmessage",
            name="outbox_due",
        ),
        migrations.AddField(
            model_name="notification",
            name="about_rep",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="reps.rep",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="awaits_digest",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                blank=True,
                choices=[
                    ("assigned", "Opportunities assigned to me"),
                    ("asked_again", "Somebody asks again about an opportunity of mine"),
                    ("waiting", "What waits in the queue of my teams"),
                    ("capacity", "Reps over capacity"),
                    ("accounts", "Named accounts and their transfers"),
                    ("profiles", "Profiles, reviews and suggested tags"),
                    ("calendars", "Calendars that cannot be read"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="outboxmessage",
            name="dead_at",
            field=models.DateTimeField(
                blank=True, help_text="Given up; people can let it be tried again.", null=True
            ),
        ),
        migrations.AddField(
            model_name="queueitem",
            name="told_at",
            field=models.DateTimeField(
                blank=True, help_text="When somebody was told that it waits, if anybody was.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                condition=models.Q(("dead_at__isnull", True), ("delivered_at__isnull", True)),
                fields=["next_attempt_at", "id"],
                name="outbox_due",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                condition=models.Q(("delivered_at__isnull", True)),
                fields=["created_at", "id"],
                name="outbox_undelivered",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(fields=["delivered_at"], name="outbox_delivered"),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("state", "pending"), ("told_at__isnull", True)),
                fields=["created_at"],
                name="queue_item_untold",
            ),
        ),
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                condition=models.Q(("told_at__isnull", False)), fields=["told_at"], name="queue_item_told"
            ),
        ),
        migrations.AddField(
            model_name="chatchannel",
            name="teams",
            field=models.ManyToManyField(
                blank=True, help_text="None: of all teams.", related_name="+", to="reps.team"
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="chat_channel",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="routing.chatchannel",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="message",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="routing.outboxmessage",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="notification",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="routing.notification",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="digest",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="digests",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="digest",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="delivery",
                to="routing.digest",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="digest",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="notifications",
                to="routing.digest",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("awaits_digest", True)), fields=["user"], name="notification_for_digest"
            ),
        ),
        migrations.AddField(
            model_name="notificationsettings",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notification_settings",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.UniqueConstraint(fields=("user", "day"), name="digest_once_a_day"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["next_attempt_at", "id"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["created_at", "id"], name="delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["channel", "settled_at"], name="delivery_settled"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "dead")), fields=["id"], name="delivery_dead"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("notification", "channel"), name="delivery_once_by_channel"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("message", "chat_channel"), name="delivery_once_in_a_channel"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("digest__isnull", True), ("message__isnull", True), ("notification__isnull", False)
                    ),
                    models.Q(
                        ("digest__isnull", False), ("message__isnull", True), ("notification__isnull", True)
                    ),
                    models.Q(
                        ("digest__isnull", True), ("message__isnull", False), ("notification__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="delivery_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("channel", "team"), ("chat_channel__isnull", False), ("user__isnull", True)),
                    models.Q(
                        ("channel__in", ["email", "chat"]),
                        ("chat_channel__isnull", True),
                        ("user__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="delivery_to_one_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at__isnull", True), ("state", "waiting")),
                    models.Q(("settled_at__isnull", False), ("state__in", ["delivered", "withheld", "dead"])),
                    _connector="OR",
                ),
                name="delivery_settled_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quiet_from__isnull", True), ("quiet_until__isnull", True)),
                    models.Q(("quiet_from__isnull", False), ("quiet_until__isnull", False)),
                    _connector="OR",
                ),
                name="notification_settings_quiet_hours",
            ),
        ),
    ]
