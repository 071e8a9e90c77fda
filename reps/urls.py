"""Addresses of people: signing in, users, teams, reps, the organisation."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, path

from reps.forms.sign_in import SignInForm

urlpatterns: list[URLPattern] = [
    path("login/", auth.LoginView.as_view(form_class=SignInForm, redirect_authenticated_user=False), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
]
