"""Settings. Every one has a default that runs a single machine with nothing set; the environment overrides."""

import ipaddress
import os
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from config import postgres
from telemetry.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("ROUTING_VAR", BASE_DIR / "var"))


def flag(name: str, default: bool) -> bool:
    return os.environ.get(name, str(int(default))).lower() in {"1", "true", "yes", "on"}


DEBUG = flag("DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY") or postgres.local_secret(VAR_DIR)
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    "reps",
    "crm",
    "territories",
    "experiments",
    "routing",
    "analytics",
    "privacy",
    "operations",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "django_filters",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "axes",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "reps.middleware.AttributionMiddleware",
    "reps.middleware.SessionLifetimeMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "reps.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "reps.middleware.SecondFactorMiddleware",
    "reps.middleware.TimeZoneMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.navigation.navigation",
            ],
        },
    },
]

# --- database ---------------------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(os.environ.get("DATABASE_URL") or postgres.url(VAR_DIR / "postgres"))
}
# The statements that every lead takes are prepared once for each connection (reps.queries.prepared); Django leaves that
# off. 0 switches it off, for a pooler between that cannot keep prepared statements apart.
DATABASES["default"].setdefault("OPTIONS", {})
if flag("DATABASE_PREPARES", True):
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5
    # And planned once: the server would plan two of the largest again for every lead, which takes longer than running
    # them. Django's own statements hold their values as text, so that nothing changes for them.
    given = DATABASES["default"]["OPTIONS"].get("options", "")
    DATABASES["default"]["OPTIONS"]["options"] = f"{given} -c plan_cache_mode=force_generic_plan".strip()
# The pool only in the web process: django-q2 forks, and forked workers must not share pooled sockets.
if flag("DATABASE_POOL", False):
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 8, "timeout": 10}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A machine that vanishes (a cable, a power cut) says goodbye to nobody: both ends notice within half a minute, so that
# the locks of its open transactions end. On a Unix socket these mean nothing.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
} | DATABASES["default"]["OPTIONS"]  # fmt: skip
if flag("DATABASE_NOTICES_LOSS", True):  # 0 for a pooler between that refuses options
    asked = [
        "tcp_keepalives_idle=10",
        "tcp_keepalives_interval=5",
        "tcp_keepalives_count=3",
        "tcp_user_timeout=20000",
    ]
    given = DATABASES["default"]["OPTIONS"].get("options", "")
    DATABASES["default"]["OPTIONS"]["options"] = " ".join([given, *(f"-c {one}" for one in asked)]).strip()
# What allauth counts and remembers for minutes (guesses, codes that were used) must be the same in every process.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entries",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "reps.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "reps.backends.PasswordBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
# Sign-in (docs/sign-in.md). Guesses are counted by axes, by account and address together; by address alone and by
# account alone by allauth, in the cache that all processes share.
AXES_VERBOSE = False
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the page says when it ends, and that stays true
AXES_USERNAME_CALLABLE = "reps.lockout.account_of"
AXES_CLIENT_IP_CALLABLE = "reps.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "reps.lockout.locked_out"
ACCOUNT_ADAPTER = "reps.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_ENABLED = False  # by invitation only
ACCOUNT_EMAIL_VERIFICATION = "none"  # an invitation goes to the address already
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_REAUTHENTICATION_METHODS = ("password", "mfa")
ACCOUNT_FORMS = {"login": "reps.forms.sign_in.SignInForm"}
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "password_failed": "100/15m/ip,100/h/key",
    "login_failed": "10/15m/key",  # codes of a second factor
}
MFA_ADAPTER = "reps.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Predictive Routing"
MFA_TOTP_TOLERANCE = 1  # half a minute of a clock that goes wrong
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = flag("PASSKEYS_WITHOUT_TLS", False)
SOCIALACCOUNT_ADAPTER = "reps.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True}}
PASSWORD_RESET_TIMEOUT = 4 * 3600
INVITATION_DAYS = int(os.environ.get("INVITATION_DAYS", "7"))
# A session ends after so many hours without a page, and after so many hours whatever happens.
SESSION_IDLE_HOURS = float(os.environ.get("SESSION_IDLE_HOURS", "12"))
SESSION_MOST_HOURS = float(os.environ.get("SESSION_MOST_HOURS", str(7 * 24)))
SESSION_COOKIE_AGE = int(SESSION_MOST_HOURS * 3600)
# Whether the provider of single sign-on may lie in a private network, also over http. See CALENDAR_ALLOW_PRIVATE.
SSO_ALLOW_PRIVATE = flag("SSO_ALLOW_PRIVATE", False)

# --- language, time, static ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.static_files.PackageFilesFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20

# --- security -----------------------------------------------------------------------------------------------------
SECURE_COOKIES = flag("SECURE_COOKIES", False)
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE_COOKIES else "http"
SESSION_COOKIE_HTTPONLY = True
# Behind https browsers are sent there, and told to come no other way for a year.
SECURE_SSL_REDIRECT = flag("SECURE_REDIRECT", SECURE_COOKIES)
SECURE_HSTS_SECONDS = int(os.environ.get("HSTS_SECONDS", "31536000" if SECURE_COOKIES else "0"))
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = flag("HSTS_SUBDOMAINS", SECURE_COOKIES)
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Whether calendars may be read from servers in private networks, also over http with a password. An address is given by
# a user, so this opens the installation's own network to them.
CALENDAR_ALLOW_PRIVATE = flag("CALENDAR_ALLOW_PRIVATE", False)

# --- messages out -------------------------------------------------------------------------------------------------
# The organisation's mail server as apprise writes it (mailtos://user:password@smtp.example.com?from=…); unset, no email
# is sent. BASE_URL is what links in messages begin with; bin/start sets the address that it listens at.
MAIL_URL = os.environ.get("MAIL_URL", "")
EMAIL_BACKEND = "routing.services.delivery.letters.EmailBackend"
BASE_URL = os.environ.get("BASE_URL", "http://localhost:8000").rstrip("/")
# Whether chat addresses may lie in private networks, also over http. See CALENDAR_ALLOW_PRIVATE.
CHAT_ALLOW_PRIVATE = flag("CHAT_ALLOW_PRIVATE", False)
# Whether webhooks may lie in private networks, also over http: a CRM next door. See CALENDAR_ALLOW_PRIVATE.
WEBHOOK_ALLOW_PRIVATE = flag("WEBHOOK_ALLOW_PRIVATE", False)

# Networks of the proxies in front of this installation ("10.0.0.0/8,192.0.2.7"). What they say in X-Forwarded-For is
# whom a web form counts; from anybody else the header is ignored.
TRUSTED_PROXIES = [part for part in os.environ.get("TRUSTED_PROXIES", "").split(",") if part]

# --- jobs ---------------------------------------------------------------------------------------------------------
Q_CLUSTER = {
    "name": "routing",
    "orm": "default",
    "workers": int(os.environ.get("WORKERS", "2")),
    "timeout": 3000,
    "retry": 3600,  # must exceed the timeout: a task still running must not start a second time
    "max_attempts": 5,
    "catch_up": False,
    "poll": 0.5,
    "bulk": 5,
    "label": "Jobs",
}
# Where tasks wait, for several machines: redis://… (docs/deployment.md). Without it they wait in the database.
BROKER_URL = os.environ.get("BROKER_URL", "")
if BROKER_URL:
    Q_CLUSTER["broker_class"] = "operations.broker.RedisBroker"

# Batches of more opportunities than this are planned in parts by all workers, where they fall into parts that share no
# rep; a part has so many at least.
BATCH_SPLIT_FROM = int(os.environ.get("BATCH_SPLIT_FROM", "1000"))
BATCH_PART_AT_LEAST = int(os.environ.get("BATCH_PART_AT_LEAST", "300"))

# --- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["reps.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "reps.api.schema.ApiSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 100,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "EXCEPTION_HANDLER": "reps.api.records.explain_error",
}
KNOX_TOKEN_MODEL = "reps.ApiToken"
REST_KNOX = {"AUTO_REFRESH": False, "TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Bearer"}
TOKEN_USE_EVERY_SECONDS = 30.0  # how often it is written which tokens were used; 0: never
SPECTACULAR_SETTINGS = {
    "TITLE": "Predictive Routing API",
    "DESCRIPTION": "Send leads and deals, get them routed, and report what became of them.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "ActivityKind": "crm.models.Activity.Kind",
        "BatchState": "routing.models.Batch.State",
        "JobState": "reps.models.Job.State",
        "OpportunityKind": "crm.models.Opportunity.Kind",
        "QueueKind": "routing.models.QueueItem.Kind",
        "SkillKind": "reps.models.Skill.Kind",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "reps.api.schema.with_errors",
    ],
}

# --- seeing it run ------------------------------------------------------------------------------------------------
# docs/operating.md. The log is text for a terminal, or `json` for what collects logs.
LOGGING = logging_settings(os.environ.get("LOG_FORMAT", "text"), os.environ.get("LOG_LEVEL", "INFO"))
MIDDLEWARE = ["config.probes.Probes", "config.middleware.RequestLog", *MIDDLEWARE]
VERSION = os.environ.get("ROUTING_VERSION", "0.1.0")
# Who may read /metrics: whoever sends this token, or asks from one of these networks. Neither: nobody.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
METRICS_ALLOW = [
    str(ipaddress.ip_network(part.strip()))
    for part in os.environ.get("METRICS_ALLOW", "").split(",")
    if part.strip()
]
# How long entries of the audit log are kept; 0: for good. Less than a year is a year.
AUDIT_KEPT_DAYS = int(os.environ.get("AUDIT_KEPT_DAYS", "0"))
# How long a web process goes on serving after it was asked to stop, while /ready/ says no: as long as whoever sends
# requests needs to see that.
STOP_DELAY_SECONDS = float(os.environ.get("STOP_DELAY_SECONDS", "0"))
# From this age on a model that decides gives an alarm.
MODEL_STALE_DAYS = int(os.environ.get("MODEL_STALE_DAYS", "60"))

# --- backups ------------------------------------------------------------------------------------------------------
# docs/backup.md. Where the nightly backup goes; unset, none is made. A folder that other machines can read, or a disk
# that is copied elsewhere: one beside the database is lost with it.
BACKUP_DIRECTORY = os.environ.get("BACKUP_DIRECTORY", "")
# Whom a restored backup has to forget again, by number. It must outlive the database: beside the backups, or elsewhere.
ERASURE_JOURNAL = os.environ.get("ERASURE_JOURNAL", "") or str(
    Path(BACKUP_DIRECTORY or VAR_DIR) / "erasures.jsonl"
)
BACKUP_KEEP_DAILY = int(os.environ.get("BACKUP_KEEP_DAILY", "7"))
BACKUP_KEEP_WEEKLY = int(os.environ.get("BACKUP_KEEP_WEEKLY", "4"))
BACKUP_ALARM_HOURS = float(os.environ.get("BACKUP_ALARM_HOURS", "30"))
# docs/growth.md. Where months of history go that are no longer kept whole.
ARCHIVE_DIRECTORY = Path(os.environ.get("ARCHIVE_DIRECTORY") or VAR_DIR / "archive")
# What else keeps copies of what people are named in (privacy.queries.elsewhere.Place): erasing and exporting ask each.
PERSONAL_ELSEWHERE = ["operations.services.history.personal.Archive"]
# pg_dump and pg_restore of the embedded server, where those in PATH are older than the server.
try:
    POSTGRES_PROGRAMS = str(postgres.wheel())
except postgres.PostgresError:
    POSTGRES_PROGRAMS = ""
