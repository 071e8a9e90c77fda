"""Decisions and changes in partitions by month, with everything that referred to them. Killed anywhere in it, this
migration is run again from its beginning."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # it ends transactions in between, so that nobody waits

    dependencies = [
        ("routing", "0033_what_is_audited"),
        ("reps", "0025_the_audit_log_by_month"),
        ("analytics", "0008_what_is_audited"),  # references to decisions
    ]
    operations = [
        migrations.RunSQL("CALL split_history('routing_decision')"),
        migrations.RunSQL("CALL split_history('routing_change')"),
    ]
