"""A real OpenID Connect provider (canaille) in a process of its own, with people in groups, for the tests of single
sign-on. Run as a script with a port: `python -m tests.reps.identity_provider 5000`."""

import datetime
import sys
from typing import Any

CLIENT_ID, CLIENT_SECRET, PASSWORD = "routing", "the client's own secret", "correct horse battery staple"
# Whoever is called so, the provider says that the address is not verified.
UNVERIFIED = "una"
PEOPLE = {
    "mia": ("Mia Sol", ["sales-managers"]),
    "rik": ("Rik Vos", ["sales-reps"]),
    UNVERIFIED: ("Una Ray", ["sales-managers"]),
    "zoe": ("Zoe Lim", ["kitchen"]),
}


def configuration(port: int) -> dict[str, Any]:
    from joserfc.jwk import RSAKey

    verified = "{% if user.user_name == '" + UNVERIFIED + "' %}false{% else %}true{% endif %}"
    return {
        "SECRET_KEY": "of the tests",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "WTF_CSRF_ENABLED": False,
        "CANAILLE": {"DATABASE": "memory", "ENABLE_PASSWORD_COMPROMISSION_CHECK": False},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048).as_dict(private=True)]},
        "TESTS_EMAIL_VERIFIED": verified,
    }


def fill(app: Any, redirect_uris: list[str]) -> None:
    from canaille.app import models
    from canaille.backends import Backend

    app.config["CANAILLE_OIDC"]["USERINFO_MAPPING"]["EMAIL_VERIFIED"] = app.config["TESTS_EMAIL_VERIFIED"]
    save = Backend.instance.save
    members: dict[str, list[Any]] = {}
    for name, (full, groups) in PEOPLE.items():
        person = models.User(
            user_name=name,
            formatted_name=full,
            family_name=full.split()[1],
            emails=[f"{name}@example.com"],
            password=PASSWORD,
        )
        save(person)
        for group in groups:
            members.setdefault(group, []).append(person)
    for group, people in members.items():
        save(models.Group(display_name=group, members=people))
    client = models.Client(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_name="Predictive Routing",
        client_uri="http://127.0.0.1",
        client_id_issued_at=datetime.datetime.now(datetime.UTC),
        redirect_uris=redirect_uris,
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_post",
    )
    save(client)
    client.audience = [client]
    save(client)


def add_control(app: Any) -> None:
    """What an administrator of the provider does by hand: somebody is put into these groups and no others."""
    from canaille.app import models
    from canaille.backends import Backend
    from flask import request

    @app.post("/tests/groups")
    def groups() -> str:
        person = Backend.instance.get(models.User, user_name=request.form["user"])
        wanted = set(request.form.getlist("group"))
        # Its memory takes any code of a client for the one that is asked for: none of a test before may be left.
        for code in Backend.instance.query(models.AuthorizationCode):
            Backend.instance.delete(code)
        for group in Backend.instance.query(models.Group):
            others = [one for one in group.members if one.user_name != person.user_name]
            group.members = [*others, person] if group.display_name in wanted else others
            Backend.instance.save(group)
        return "done"


def main() -> None:
    from canaille import create_app
    from canaille.backends import Backend
    from werkzeug.serving import make_server

    port = int(sys.argv[1])
    app = create_app(config=configuration(port), env_file="")
    add_control(app)
    with app.app_context(), Backend.instance.session():
        fill(app, sys.argv[2:])
    make_server("127.0.0.1", port, app).serve_forever()


if __name__ == "__main__":
    main()
