"""What a rep's pending suggestions are worth, as the load and the pipeline are kept."""

from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reps", "0016_team_names_raise_the_stamp"),
    ]

    operations = [
        migrations.AddField(
            model_name="rep",
            name="pending_value",
            field=models.DecimalField(decimal_places=2, default=Decimal("0"), editable=False, max_digits=18),
        ),
    ]
