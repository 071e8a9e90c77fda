"""What people set up, decide and own is in the audit log (reps 0023): not what routing writes with every lead."""

from django.db import migrations

AUDITED = """
SELECT audit_table('crm_account', '{"kind": "account", "only": ["owner_id"]}', 'UPDATE');
SELECT audit_table('crm_accounttransfer', '{"kind": "account transfer", "name": "kind", "by": "made_by_id",
    "only": ["kind", "state", "reason", "effective_on", "made_by_id", "settled_by_id", "account_count"]}');
SELECT audit_table('crm_customfield', '{"kind": "custom field", "name": "label"}');
SELECT audit_table('crm_product', '{"kind": "product"}');
SELECT audit_table('crm_exchangerate', '{"kind": "exchange rate", "name": "currency"}');
SELECT audit_table('territories_territory', '{"kind": "territory"}');
SELECT audit_table('territories_coverage', '{"kind": "coverage", "name": "rep_id", "of": ["territory", "territory_id"]}');
SELECT audit_table('experiments_experiment', '{"kind": "experiment", "by": "created_by_id", "quiet": ["salt", "planned_information"]}');
SELECT audit_table('routing_rule', '{"kind": "rule"}');
SELECT audit_table('routing_rule_excluded', '{"kind": "excluded rep", "name": "rep_id", "of": ["rule", "rule_id"]}');
SELECT audit_table('routing_policy', '{"kind": "policy"}');
SELECT audit_table('routing_configurationversion', '{"kind": "configuration version", "name": "number", "by": "published_by_id",
    "quiet": ["content"]}');
SELECT audit_table('routing_capacitysettings', '{"kind": "capacity settings"}');
SELECT audit_table('routing_overridereason', '{"kind": "override reason", "name": "label"}');
SELECT audit_table('routing_override', '{"kind": "override", "name": "opportunity_id", "of": ["opportunity", "opportunity_id"],
    "by": "made_by_id", "quiet": ["decision_id"]}');
SELECT audit_table('routing_automationchange', '{"kind": "automation", "name": "state", "by": "by_id"}');
SELECT audit_table('routing_modelsettings', '{"kind": "model settings"}');
SELECT audit_table('routing_modelevent', '{"kind": "model", "name": "kind", "by": "by_id"}');
SELECT audit_table('routing_batch', '{"kind": "batch", "name": "policy_name", "only": ["state", "confirms_itself"]}', 'UPDATE DELETE');
SELECT audit_table('routing_departure', '{"kind": "departure", "name": "rep_id", "of": ["rep", "rep_id"], "by": "made_by_id",
    "quiet": ["lines"]}');
SELECT audit_table('routing_webhook', '{"kind": "webhook", "secret": ["sealed"], "quiet": ["failures", "paused_until",
    "failing_since", "told_at"]}');
SELECT audit_table('routing_webform', '{"kind": "web form", "secret": ["key"], "quiet": ["accepted", "refused", "limited", "trapped",
    "unknown", "last_at"]}');
SELECT audit_table('routing_chatchannel', '{"kind": "chat channel", "secret": ["sealed"]}');
SELECT audit_table('routing_chatchannel_teams', '{"kind": "chat channel team", "name": "team_id",
    "of": ["chat channel", "chatchannel_id"]}');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0032_what_comes_in_decided"),
        ("reps", "0023_the_audit_log_is_written_by_triggers"),
        ("crm", "0009_not_offered_again"),
        ("territories", "0001_initial"),
        ("experiments", "0003_periods_and_planned_hold_outs"),
    ]
    # Going back, reps 0023 takes the triggers of every table away with their function.
    operations = [migrations.RunSQL(AUDITED, migrations.RunSQL.noop)]
