from django.urls import URLPattern, path

from analytics.views import alarms, backtests, credit, gaps, reports, routing

urlpatterns: list[URLPattern] = [
    path("routing/", routing.analytics_routing, name="analytics_routing"),
    path("routing/opportunities/", routing.analytics_opportunities, name="analytics_opportunities"),
    path("routing/<slug:key>.csv", routing.analytics_csv, name="analytics_csv"),
    path("backtests/", backtests.backtest_list, name="analytics_backtests"),
    path("backtests/new/", backtests.backtest_new, name="analytics_backtest_new"),
    path("backtests/<int:pk>/", backtests.backtest, name="analytics_backtest"),
    path("backtests/<int:pk>/cancel/", backtests.backtest_cancel, name="analytics_backtest_cancel"),
    path("backtests/<int:pk>/<slug:table>.csv", backtests.backtest_csv, name="analytics_backtest_csv"),
    path("gaps/", gaps.gaps, name="analytics_gaps"),
    path("gaps.csv", gaps.gaps_file, name="analytics_gaps_csv"),
    path("gaps/weeks.csv", gaps.weeks_file, name="analytics_gaps_weeks_csv"),
    path("gaps/<slug:key>/", gaps.gap, name="analytics_gap"),
    path("reports/", reports.report_list, name="analytics_reports"),
    path("reports/<int:pk>/", reports.report, name="analytics_report"),
    path("alarms/", alarms.alarm_list, name="analytics_alarms"),
    path("alarms/<int:pk>/seen/", alarms.alarm_seen, name="analytics_alarm_seen"),
    path("credit/", credit.credit, name="analytics_credit"),
    path("credit.csv", credit.credit_file, name="analytics_credit_csv"),
    path("credit/weeks.csv", credit.credit_weeks_file, name="analytics_credit_weeks_csv"),
    path("credit/opportunities/<int:pk>/", credit.credit_of, name="analytics_credit_of"),
    path("credit/opportunities/", credit.credit_list, name="analytics_credit_list"),
    path("credit/table/", credit.table, name="analytics_credit_table"),
    path("credit/table/template.csv", credit.table_template, name="analytics_credit_template"),
    path("credit/table/<int:pk>/take-back/", credit.table_take_back, name="analytics_credit_take_back"),
    path("credit/table/<int:pk>/use/", credit.table_use, name="analytics_credit_use"),
]
