"""Raise the roster stamp whenever something changes that a roster is made of.

Triggers and not code, so that no way of writing (admin, import, SQL) can leave a stale roster behind. The columns
that change with every assignment (load, pending, ...) are not among those watched.
"""

from django.db import migrations

WATCHED = (
    "name team_id role_template_id left_at deal_size_min deal_size_max selling_style seniority tier technical_depth "
    "own_max_open own_max_new_per_week own_max_new_per_day own_max_pipeline_value turn_weight time_zone country "
    "working_hours"
).split()

FORWARD = f"""
INSERT INTO reps_rosterstamp (id, version) VALUES (1, 1) ON CONFLICT DO NOTHING;

CREATE FUNCTION raise_roster_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reps_rosterstamp (id, version) VALUES (1, 1)
        ON CONFLICT (id) DO UPDATE SET version = reps_rosterstamp.version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER rep_added AFTER INSERT OR DELETE ON reps_rep
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
CREATE TRIGGER rep_changed AFTER UPDATE OF {", ".join(WATCHED)} ON reps_rep
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
CREATE TRIGGER skill_changed AFTER INSERT OR UPDATE OR DELETE ON reps_skill
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
CREATE TRIGGER role_template_changed AFTER UPDATE ON reps_roletemplate
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
"""

BACKWARD = """
DROP TRIGGER rep_added ON reps_rep;
DROP TRIGGER rep_changed ON reps_rep;
DROP TRIGGER skill_changed ON reps_skill;
DROP TRIGGER role_template_changed ON reps_roletemplate;
DROP FUNCTION raise_roster_stamp();
"""


class Migration(migrations.Migration):
    dependencies = [("reps", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
