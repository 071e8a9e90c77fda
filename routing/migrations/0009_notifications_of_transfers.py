"""A notification may be about a transfer of accounts instead of an opportunity."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0004_account_owner_changes"),
        ("routing", "0008_candidates_for_experiments"),
    ]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="account_transfer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="crm.accounttransfer",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="opportunity",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="crm.opportunity",
            ),
        ),
    ]
