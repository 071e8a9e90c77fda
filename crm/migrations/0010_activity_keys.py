"""An external id is there once for good, whichever month its activity is of: a table of its own keeps it."""

from django.db import migrations, models

# The key outlives an activity that went into the archive, not one that was deleted.
KEYS = """
CREATE FUNCTION keep_activity_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND current_setting('routing.archives_history', true) IS DISTINCT FROM 'on' THEN
        DELETE FROM crm_activitykey WHERE external_id = OLD.external_id AND activity_id = OLD.id;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.external_id IS NOT NULL THEN
        INSERT INTO crm_activitykey (external_id, activity_id) VALUES (NEW.external_id, NEW.id);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER activity_key_written BEFORE INSERT ON crm_activity
    FOR EACH ROW WHEN (NEW.external_id IS NOT NULL) EXECUTE FUNCTION keep_activity_key();
CREATE TRIGGER activity_key_changed BEFORE UPDATE OF external_id ON crm_activity
    FOR EACH ROW WHEN (NEW.external_id IS DISTINCT FROM OLD.external_id) EXECUTE FUNCTION keep_activity_key();
CREATE TRIGGER activity_key_gone BEFORE DELETE ON crm_activity
    FOR EACH ROW WHEN (OLD.external_id IS NOT NULL) EXECUTE FUNCTION keep_activity_key();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0009_not_offered_again"),
    ]
    operations = [
        migrations.CreateModel(
            name="ActivityKey",
            fields=[
                ("external_id", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("activity_id", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(KEYS),
    ]
