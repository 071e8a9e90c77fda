"""What a process keeps under the roster's stamp includes what teams are called."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER team_added AFTER INSERT OR DELETE ON reps_team
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
CREATE TRIGGER team_renamed AFTER UPDATE OF name ON reps_team
    FOR EACH STATEMENT EXECUTE FUNCTION raise_roster_stamp();
"""

BACKWARD = """
DROP TRIGGER team_added ON reps_team;
DROP TRIGGER team_renamed ON reps_team;
"""


class Migration(migrations.Migration):
    dependencies = [("reps", "0015_profile_reviews")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
