from django.urls import URLPattern, path

from analytics.views import coaching, credit, gaps, ledger, overrides, routing

urlpatterns: list[URLPattern] = [
    path("routing/", routing.analytics_routing, name="analytics_routing"),
    path("routing/opportunities/", routing.analytics_opportunities, name="analytics_opportunities"),
    path("routing/<slug:key>.csv", routing.analytics_csv, name="analytics_csv"),
    path("gaps/", gaps.gaps, name="analytics_gaps"),
    path("gaps.csv", gaps.gaps_file, name="analytics_gaps_csv"),
    path("gaps/weeks.csv", gaps.weeks_file, name="analytics_gaps_weeks_csv"),
    path("gaps/<slug:key>/", gaps.gap, name="analytics_gap"),
    path("credit/", credit.credit, name="analytics_credit"),
    path("credit.csv", credit.credit_file, name="analytics_credit_csv"),
    path("credit/weeks.csv", credit.credit_weeks_file, name="analytics_credit_weeks_csv"),
    path("credit/opportunities/<int:pk>/", credit.credit_of, name="analytics_credit_of"),
    path("credit/opportunities/", credit.credit_list, name="analytics_credit_list"),
    path("credit/table/", credit.table, name="analytics_credit_table"),
    path("credit/table/template.csv", credit.table_template, name="analytics_credit_template"),
    path("credit/table/<int:pk>/take-back/", credit.table_take_back, name="analytics_credit_take_back"),
    path("credit/table/<int:pk>/use/", credit.table_use, name="analytics_credit_use"),
    path("coaching/", coaching.coaching, name="analytics_coaching"),
    path("coaching/<int:pk>/dismiss/", coaching.dismiss, name="analytics_coaching_dismiss"),
    path("coaching/<int:pk>/again/", coaching.again, name="analytics_coaching_again"),
    path("coaching/<int:pk>/suggest/", coaching.suggest, name="analytics_coaching_suggest"),
    path("ledger/", ledger.own_ledger, name="fairness"),
    path("ledger/<int:pk>/", ledger.ledger, name="ledger"),
    path("ledger/<int:pk>.csv", ledger.ledger_file, name="ledger_csv"),
    path("ledger/<int:pk>/opportunities/", ledger.ledger_list, name="ledger_list"),
    path("overrides/", overrides.overrides, name="analytics_overrides"),
    path("overrides.csv", overrides.overrides_file, name="analytics_overrides_csv"),
    path("overrides/suggest/", overrides.suggest, name="analytics_overrides_suggest"),
]
