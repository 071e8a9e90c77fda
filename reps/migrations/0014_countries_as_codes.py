"""Countries become codes where their name is clear, others stay as they were; and the roster stamp follows closing days
and the state or region."""

from django.db import migrations

from reps.engine.holidays import country_code

FORWARD = """
CREATE TRIGGER closing_day_changed AFTER INSERT OR UPDATE OR DELETE ON reps_closingday
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
CREATE TRIGGER rep_subdivision_changed AFTER UPDATE OF subdivision ON reps_rep
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
"""
BACKWARD = """
DROP TRIGGER closing_day_changed ON reps_closingday;
DROP TRIGGER rep_subdivision_changed ON reps_rep;
"""


def name_codes(apps, schema_editor):
    Rep = apps.get_model("reps", "Rep")
    for country in Rep.objects.exclude(country="").values_list("country", flat=True).distinct().order_by():
        code = country_code(country)
        if code and code != country:
            Rep.objects.filter(country=country).update(country=code)


class Migration(migrations.Migration):
    dependencies = [("reps", "0013_calendar_feeds")]
    operations = [
        migrations.RunPython(name_codes, migrations.RunPython.noop),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
