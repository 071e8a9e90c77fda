"""Decisions and changes in partitions by month, with everything that referred to them."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # it ends transactions in between, so that nobody waits

    dependencies = [
        ("routing", "0033_what_is_audited"),
        ("reps", "0024_history_by_month"),
        ("analytics", "0008_what_is_audited"),  # references to decisions
    ]
    operations = [
        migrations.RunSQL("CALL split_history('routing_decision')"),
        migrations.RunSQL("CALL split_history('routing_change')"),
    ]
