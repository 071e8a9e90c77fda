"""What of an item's value is counted for its rep; the triggers follow."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0023_the_queue_follows_its_leads")]
    operations = [
        migrations.AddField(
            model_name="queueitem",
            name="counted_value",
            field=models.DecimalField(
                decimal_places=2,
                default=0,
                editable=False,
                help_text="What of it is in the rep’s `pending_value`; written by a trigger.",
                max_digits=16,
            ),
        ),
    ]
