"""Addresses of people: signing in, users, teams, reps."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, path

from reps.forms.sign_in import SignInForm
from reps.views import calendars, people, profiles, tokens

urlpatterns: list[URLPattern] = [
    path("login/", auth.LoginView.as_view(form_class=SignInForm), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("users/", people.user_list, name="users"),
    path("users/new/", people.user_new, name="user_new"),
    path("users/<int:pk>/", people.user_edit, name="user"),
    path("users/<int:pk>/deactivate/", people.user_active, {"is_active": False}, name="user_deactivate"),
    path("users/<int:pk>/activate/", people.user_active, {"is_active": True}, name="user_activate"),
    path("teams/", people.team_list, name="teams"),
    path("teams/new/", people.team_new, name="team_new"),
    path("teams/<int:pk>/edit/", people.team_edit, name="team_edit"),
    path("reps/", profiles.rep_list, name="reps"),
    path("reps/new/", profiles.rep_new, name="rep_new"),
    path("reps/me/", profiles.my_profile, name="my_profile"),
    path("reps/<int:pk>/", profiles.rep_page, name="rep"),
    path("reps/<int:pk>/edit/", profiles.rep_edit, name="rep_edit"),
    path("reps/<int:pk>/expertise/", profiles.rep_expertise, name="rep_expertise"),
    path("reps/role-templates/", profiles.role_template_list, name="role_templates"),
    path("reps/role-templates/new/", profiles.role_template_form, name="role_template_new"),
    path("reps/role-templates/<int:pk>/", profiles.role_template_form, name="role_template"),
    path("reps/role-templates/<int:pk>/delete/", profiles.role_template_delete, name="role_template_delete"),
    path("reps/certifications/", profiles.certification_list, name="certifications"),
    path("reps/certifications/new/", profiles.certification_form, name="certification_new"),
    path("reps/certifications/<int:pk>/", profiles.certification_form, name="certification"),
    path("reps/certifications/<int:pk>/delete/", profiles.certification_delete, name="certification_delete"),
    path("reps/<int:pk>/calendars/", calendars.rep_calendars, name="rep_calendars"),
    path("reps/<int:pk>/calendars/new/<str:kind>/", calendars.calendar_new, name="calendar_new"),
    path("reps/calendars/<int:pk>/", calendars.calendar, name="calendar"),
    path("reps/calendars/<int:pk>/read/", calendars.calendar_read, name="calendar_read"),
    path("reps/calendars/<int:pk>/try/", calendars.calendar_try, name="calendar_try"),
    path("reps/calendars/<int:pk>/delete/", calendars.calendar_delete, name="calendar_delete"),
    path("reps/calendars/", calendars.calendar_rules, name="calendar_rules"),
    path("reps/closing-days/", calendars.closing_days, name="closing_days"),
    path("reps/closing-days/new/", calendars.closing_day, name="closing_day_new"),
    path("reps/closing-days/<int:pk>/", calendars.closing_day, name="closing_day"),
    path("reps/closing-days/<int:pk>/delete/", calendars.closing_day_delete, name="closing_day_delete"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/<str:digest>/revoke/", tokens.token_revoke, name="token_revoke"),
]
