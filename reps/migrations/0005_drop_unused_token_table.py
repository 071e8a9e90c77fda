"""knox's first migration makes its own token table although `ApiToken` takes its place; nothing uses that one."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reps", "0004_api_token"), ("knox", "0009_extend_authtoken_field")]
    operations = [migrations.RunSQL("DROP TABLE IF EXISTS knox_authtoken", migrations.RunSQL.noop)]
