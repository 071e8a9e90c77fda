"""A configuration can be kept for an experiment instead of going live."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0007_history_checks")]

    operations = [
        migrations.AddField(
            model_name="configurationversion",
            name="is_candidate",
            field=models.BooleanField(
                default=False,
                db_default=False,
                help_text="Kept for an experiment against the live version; decides nothing by itself.",
            ),
        ),
    ]
