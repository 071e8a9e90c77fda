"""A notification may be about a review of expertise tags."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reps", "0008_tag_suggestions"),
        ("routing", "0010_decided_as_duplicates"),
    ]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="tag_review",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="reps.tagreview",
            ),
        ),
    ]
