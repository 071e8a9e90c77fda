"""A stamp that every change of words, rates, languages of places, products and the organisation raises, so that a process
may keep them. Words that nobody has confirmed yet are left out: leads bring them all the time, and whoever meets one that
it does not know looks it up."""

from django.db import migrations, models

WATCHED = ("crm_alias", "crm_regionlanguage", "crm_exchangerate", "crm_product", "reps_organisation")

FUNCTION = """
INSERT INTO crm_dictionarystamp (id, version) VALUES (1, 1);

CREATE FUNCTION raise_dictionary_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this_one bigint := pg_current_xact_id()::text::bigint * 1000000;
BEGIN
    INSERT INTO crm_dictionarystamp (id, version) VALUES (1, this_one)
        ON CONFLICT (id) DO UPDATE SET version = this_one + (crm_dictionarystamp.version + 1) % 1000000;
    RETURN NULL;
END $$;

CREATE TRIGGER term_added AFTER INSERT ON crm_term
    FOR EACH ROW WHEN (NEW.is_known) EXECUTE FUNCTION raise_dictionary_stamp();
CREATE TRIGGER term_changed AFTER UPDATE OR DELETE ON crm_term
    FOR EACH STATEMENT EXECUTE FUNCTION raise_dictionary_stamp();
"""
FORWARD = FUNCTION + "".join(
    f"CREATE TRIGGER dictionary_changed AFTER INSERT OR UPDATE OR DELETE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION raise_dictionary_stamp();\n"
    for table in WATCHED
)
BACKWARD = (
    "".join(f"DROP TRIGGER dictionary_changed ON {table};\n" for table in WATCHED)
    + """
DROP TRIGGER term_added ON crm_term;
DROP TRIGGER term_changed ON crm_term;
DROP FUNCTION raise_dictionary_stamp();
"""
)


class Migration(migrations.Migration):
    dependencies = [("crm", "0007_account_changes_are_noted"), ("reps", "0015_profile_reviews")]
    operations = [
        migrations.CreateModel(
            name="DictionaryStamp",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
