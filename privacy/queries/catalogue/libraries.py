"""The libraries' tables: accounts of the sign-in, second factors, sessions, lock-outs, tasks."""

from privacy.queries.catalogue.tables import gone, table

TASK = "a task that names the person is deleted, read as it is packed"

LIBRARIES = (
    table("account.EmailAddress", none="email", user=[gone("user")]),
    table("account.EmailConfirmation", none="key"),
    table("admin.LogEntry", none="object_id", named="object_repr change_message"),
    table("auth.Group", none="name"),
    table("auth.Permission", none="name codename"),
    table(
        "axes.AccessAttempt",
        none="user_agent ip_address http_accept path_info",
        named="get_data post_data",
        dropped="username",
    ),
    table("axes.AccessFailureLog", none="user_agent ip_address http_accept path_info", dropped="username"),
    table(
        "axes.AccessLog",
        none="user_agent ip_address http_accept path_info session_hash",
        dropped="username",
    ),
    table("contenttypes.ContentType", none="app_label model"),
    table("django_q.OrmQ", none="key", special={"payload": TASK}),
    table(
        "django_q.Schedule",
        none="name func hook cron task cluster intended_date_kwarg",
        special={"args": TASK, "kwargs": TASK},
    ),
    table(
        "django_q.Task",
        none="id name func hook group cluster",
        special={"args": TASK, "kwargs": TASK, "result": TASK},
    ),
    table("mfa.Authenticator", none="data", user=[gone("user")]),
    table(
        "sessions.Session",
        none="session_key",
        special={"session_data": "the person’s sessions are ended; in others a mention is replaced"},
    ),
    table("socialaccount.SocialAccount", none="provider uid extra_data", user=[gone("user")]),
    table("socialaccount.SocialApp", none="provider provider_id name client_id secret key settings"),
    table("socialaccount.SocialToken", none="token token_secret", user=[gone("account__user")]),
    table("usersessions.UserSession", none="ip session_key user_agent data", user=[gone("user")]),
)
