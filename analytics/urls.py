from django.urls import URLPattern, path

from analytics.views import backtests

urlpatterns: list[URLPattern] = [
    path("backtests/", backtests.backtest_list, name="analytics_backtests"),
    path("backtests/new/", backtests.backtest_new, name="analytics_backtest_new"),
    path("backtests/<int:pk>/", backtests.backtest, name="analytics_backtest"),
    path("backtests/<int:pk>/cancel/", backtests.backtest_cancel, name="analytics_backtest_cancel"),
    path("backtests/<int:pk>/<slug:table>.csv", backtests.backtest_csv, name="analytics_backtest_csv"),
]
