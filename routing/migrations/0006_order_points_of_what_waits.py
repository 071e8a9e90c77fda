"""What waits in the queue already gets its points, from the facts that it was decided on."""

from django.db import migrations

from routing.engine.facts import OpportunityFacts
from routing.engine.order import order_points


def fill(apps, schema_editor):
    items = apps.get_model("routing", "QueueItem").objects.filter(state="pending")
    for item in items.select_related("decision").only("decision__facts", "order_points").iterator():
        item.order_points = order_points(OpportunityFacts.from_json(item.decision.facts))
        item.save(update_fields=["order_points"])


class Migration(migrations.Migration):
    dependencies = (("routing", "0005_model_events_are_immutable"),)

    operations = (migrations.RunPython(fill, migrations.RunPython.noop),)
