"""Counting the deals behind a tag changes no roster: what decisions are made from are the tags, not their evidence."""

from django.db import migrations

FORWARD = """
DROP TRIGGER skill_changed ON reps_skill;
CREATE TRIGGER skill_added AFTER INSERT OR DELETE ON reps_skill
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
CREATE TRIGGER skill_changed AFTER UPDATE OF rep_id, kind, name, proficiency, valid_until ON reps_skill
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
"""

BACKWARD = """
DROP TRIGGER skill_added ON reps_skill;
DROP TRIGGER skill_changed ON reps_skill;
CREATE TRIGGER skill_changed AFTER INSERT OR UPDATE OR DELETE ON reps_skill
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
"""


class Migration(migrations.Migration):
    dependencies = [("reps", "0011_tag_suggestions")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
