"""Addresses of the queue, opportunities, My Work and the routing settings."""

from django.urls import URLPattern, path

from routing.views import (
    account_matches,
    configuration,
    dry_run,
    duplicates,
    history_check,
    ladder,
    models,
    named_accounts,
    opportunities,
    queue,
    rule_warnings,
    rules,
    territories,
    versions,
    work,
)


def on_ladder(word: str, folder: str) -> list[URLPattern]:
    """What can be done to a rule or a policy where it stands."""
    actions = {"move": ladder.move, "switch": ladder.switch, "copy": ladder.copy, "delete": ladder.delete}
    return [
        path(f"{folder}/restore/", ladder.restore, {"word": word}, name=f"{word}_restore"),
        *(
            path(f"{folder}/<int:pk>/{action}/", view, {"word": word}, name=f"{word}_{action}")
            for action, view in actions.items()
        ),
    ]


urlpatterns: list[URLPattern] = [
    path("queue/", queue.queue_page, name="queue"),
    path("queue/news/", queue.news, name="queue_news"),
    path("queue/approve/", queue.approve_many, name="queue_approve_many"),
    path("queue/<int:pk>/", queue.queue_page, name="queue_item"),
    path("queue/<int:pk>/approve/", queue.approve, name="queue_approve"),
    path("queue/<int:pk>/give/", queue.give, name="queue_give"),
    path("queue/<int:pk>/reject/", queue.reject, name="queue_reject"),
    path("queue/<int:pk>/undo/", queue.undo, name="queue_undo"),
    path("opportunities/new/", opportunities.opportunity_new, name="opportunity_new"),
    path("opportunities/reassign/", opportunities.reassign_many, name="reassign"),
    path("opportunities/<int:pk>/", opportunities.opportunity_page, name="opportunity"),
    path("opportunities/<int:pk>/owner/", opportunities.opportunity_reassign, name="opportunity_reassign"),
    path("opportunities/<int:pk>/lock/", opportunities.opportunity_lock, name="opportunity_lock"),
    path("opportunities/<int:pk>/outcome/", opportunities.opportunity_outcome, name="opportunity_outcome"),
    path("opportunities/<int:pk>/activity/", opportunities.opportunity_activity, name="opportunity_activity"),
    path("opportunities/<int:pk>/duplicate-of/", duplicates.duplicate_mark, name="duplicate_mark"),
    path(
        "opportunities/<int:pk>/duplicate-of/<int:link>/",
        duplicates.duplicate_answer,
        name="duplicate_answer",
    ),
    path("accounts/matches/", account_matches.match_list, name="account_matches"),
    path("accounts/matches/<int:pk>/choose/", account_matches.match_choose, name="account_match_choose"),
    path("accounts/matches/<int:pk>/new/", account_matches.match_new, name="account_match_new"),
    path("accounts/matches/<int:pk>/none/", account_matches.match_none, name="account_match_none"),
    path("accounts/matches/<int:pk>/undo/", account_matches.match_undo, name="account_match_undo"),
    path("my-work/", work.my_work, name="my_work"),
    path("my-work/read/", work.notifications_read, name="notifications_read"),
    path("my-work/away/", work.away, name="away"),
    path("my-work/back/", work.back, name="back"),
    path("reps/<int:pk>/away/", work.away, name="rep_away"),
    path("reps/<int:pk>/back/", work.back, name="rep_back"),
    path("rules/", configuration.rules, name="rules"),
    path("rules/compare/", configuration.compare, name="compare"),
    path("rules/publish/", configuration.publish, name="publish"),
    path("rules/discard/", configuration.discard, name="discard"),
    path("rules/warnings/", rule_warnings.rule_warnings, name="rule_warnings"),
    path("rules/versions/", versions.versions, name="versions"),
    path("rules/versions/<int:number>/", versions.version, name="version"),
    path("rules/versions/<int:number>/restore/", versions.version_restore, name="version_restore"),
    path("rules/capacity/", rules.capacity_form, name="capacity"),
    path("rules/new/", rules.rule_form, name="rule_new"),
    path("rules/<int:pk>/", rules.rule_form, name="rule"),
    path("policies/new/", rules.policy_form, name="policy_new"),
    path("policies/<int:pk>/", rules.policy_form, name="policy"),
    *on_ladder("rule", "rules"),
    *on_ladder("policy", "policies"),
    path("rules/try/", dry_run.dry_runs, name="dry_runs"),
    path("rules/try/<int:pk>/", dry_run.dry_run, name="dry_run"),
    path("territories/", territories.territories, name="territories"),
    path("territories/new/", territories.territory_form, name="territory_new"),
    path("territories/restore/", territories.territory_restore, name="territory_restore"),
    path("territories/<int:pk>/", territories.territory_form, name="territory"),
    path("territories/<int:pk>/delete/", territories.territory_delete, name="territory_delete"),
    path("territories/<int:pk>/switch/", territories.territory_switch, name="territory_switch"),
    path("territories/export.csv", territories.territories_csv, name="territories_csv"),
    path("territories/import/", territories.territories_import, name="territories_import"),
    path("territories/import/apply/", territories.territories_import_apply, name="territories_import_apply"),
    path("named-accounts/", named_accounts.named_accounts, name="named_accounts"),
    path("named-accounts/export.csv", named_accounts.named_accounts_csv, name="named_accounts_csv"),
    path("named-accounts/transfer/", named_accounts.transfer, name="account_transfer_new"),
    path("named-accounts/transfers/", named_accounts.transfers, name="account_transfers"),
    path("named-accounts/transfers/<int:pk>/", named_accounts.transfer_page, name="account_transfer"),
    path(
        "named-accounts/transfers/<int:pk>/change/",
        named_accounts.transfer_change,
        name="account_transfer_change",
    ),
    path(
        "named-accounts/transfers/<int:pk>/cancel/",
        named_accounts.transfer_cancel,
        name="account_transfer_cancel",
    ),
    path(
        "named-accounts/transfers/<int:pk>/undo/", named_accounts.transfer_undo, name="account_transfer_undo"
    ),
    path("analytics/coverage/", territories.coverage, name="analytics_coverage"),
    path("analytics/model/", models.model_page, name="analytics_model"),
    path("analytics/model/history/", models.model_history, name="model_history"),
    path("analytics/model/train/", models.model_train, name="model_train"),
    path("analytics/model/training/", models.model_training, name="model_training"),
    path("analytics/model/settings/", models.model_settings_page, name="model_settings"),
    path("analytics/model/value/", models.model_value, name="model_value"),
    path("analytics/model/value/<int:pk>/", models.model_value_result, name="model_value_result"),
    path("analytics/model/checks/", history_check.history_checks, name="history_checks"),
    path("analytics/model/checks/<int:pk>/", history_check.history_check, name="history_check"),
    path("analytics/model/<int:number>/", models.model_page, name="model_version"),
    path("analytics/model/<int:number>/segments/", models.model_segments, name="model_segments"),
    path("analytics/model/<int:number>/segments.csv", models.model_segments_csv, name="model_segments_csv"),
    path("analytics/model/<int:number>/roll-back/", models.model_roll_back, name="model_roll_back"),
]
