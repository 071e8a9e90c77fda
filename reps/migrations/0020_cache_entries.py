"""What the sign-in counts and remembers for minutes, for all processes (Django's cache in the database)."""

from django.db import migrations

MAKE = """
CREATE TABLE cache_entries (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX cache_entries_expires ON cache_entries (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("reps", "0019_sign_in")]
    operations = [migrations.RunSQL(MAKE, "DROP TABLE cache_entries")]
