"""Addresses of people: signing in, users, teams, reps."""

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as keys
from allauth.socialaccount import views as provider
from django.urls import URLPattern, path, re_path
from django.views.generic import RedirectView

from reps.views import (
    calendars,
    invitations,
    people,
    profiles,
    reviews,
    security,
    sign_in,
    sign_in_settings,
    tokens,
)

sign_in_view = sign_in.SignInView.as_view()
to_security = RedirectView.as_view(pattern_name="security")
# The names that begin with account_, mfa_ and socialaccount_ are those that allauth asks for.
getting_in: list[URLPattern] = [
    path("login/", sign_in_view, name="login"),
    path("login/", sign_in_view, name="account_login"),
    path("login/sso/", sign_in.sso_start, name="sso_start"),
    path("login/<str:provider_id>/callback/", sign_in.sso_callback, name="openid_connect_callback"),
    path("login/cancelled/", provider.login_cancelled, name="socialaccount_login_cancelled"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("login/second-factor/", factor.authenticate, name="mfa_authenticate"),
    path("login/passkey/", keys.login_webauthn, name="mfa_login_webauthn"),
    path("login/forgotten/", sign_in.ForgottenView.as_view(), name="account_reset_password"),
    path("login/forgotten/sent/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "login/new-password/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^login/new-password/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("login/closed/", sign_in.closed, name="account_signup"),
    path("logout/", account.logout, name="logout"),
    path("logout/", account.logout, name="account_logout"),
    path("invitation/<str:token>/", sign_in.invitation, name="invitation"),
]
own_security: list[URLPattern] = [
    path("my/security/", security.security, name="security"),
    path("my/security/sessions/<int:pk>/end/", security.session_end, name="session_end"),
    path("my/security/sessions/end-others/", security.sessions_end, name="sessions_end"),
    path("my/security/factors/", to_security, name="mfa_index"),
    path("my/security/again/", account.reauthenticate, name="account_reauthenticate"),
    path("my/security/again/code/", factor.reauthenticate, name="mfa_reauthenticate"),
    path("my/security/again/key/", keys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("my/security/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("my/security/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("my/security/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("my/security/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("my/security/codes/download/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("my/security/keys/", to_security, name="mfa_list_webauthn"),
    path("my/security/keys/new/", keys.add_webauthn, name="mfa_add_webauthn"),
    path("my/security/keys/<int:pk>/", keys.edit_webauthn, name="mfa_edit_webauthn"),
    path("my/security/keys/<int:pk>/remove/", keys.remove_webauthn, name="mfa_remove_webauthn"),
    path("password/", account.password_change, name="password_change"),
    path("password/", account.password_change, name="account_change_password"),
    path("password/set/", sign_in.password_set, name="account_set_password"),
]
urlpatterns: list[URLPattern] = [
    *getting_in,
    *own_security,
    path("settings/sign-in/", sign_in_settings.sign_in_settings_page, name="sign_in_settings"),
    path("settings/sign-in/groups/", sign_in_settings.sign_in_groups, name="sign_in_groups"),
    path("settings/sign-in/test/", sign_in_settings.sign_in_test, name="sign_in_test"),
    path("users/", people.user_list, name="users"),
    path("users/new/", invitations.user_new, name="user_new"),
    path("users/invitations/<int:pk>/again/", invitations.invitation_again, name="invitation_again"),
    path("users/invitations/<int:pk>/revoke/", invitations.invitation_revoke, name="invitation_revoke"),
    path("users/<int:pk>/", people.user_edit, name="user"),
    path("users/<int:pk>/password-link/", people.user_password_link, name="user_password_link"),
    path("users/<int:pk>/sessions/end/", people.user_sessions_end, name="user_sessions_end"),
    path("users/<int:pk>/second-factor/reset/", people.user_factor_reset, name="user_factor_reset"),
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
    path("reps/<int:pk>/reviewed/", reviews.reviewed, name="rep_reviewed"),
    path("reps/review/", reviews.review_page, name="profile_reviews"),
    path("reps/review/<int:pk>/", reviews.review_page, name="profile_review"),
    path("reps/proposals/<int:pk>/approve/", reviews.proposal_approve, name="proposal_approve"),
    path("reps/proposals/<int:pk>/decline/", reviews.proposal_decline, name="proposal_decline"),
    path("reps/proposals/<int:pk>/withdraw/", reviews.proposal_withdraw, name="proposal_withdraw"),
    path("reps/changes/", reviews.change_list, name="profile_changes"),
    path("reps/changes.csv", reviews.changes_csv, name="profile_changes_csv"),
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
    path("tokens/<str:digest>/renew/", tokens.token_renew, name="token_renew"),
    path("tokens/<str:digest>/revoke/", tokens.token_revoke, name="token_revoke"),
]
