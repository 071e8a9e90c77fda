"""Settings of the tests: the real ones, in a directory and on a server of their own."""

import os
from pathlib import Path

_var = Path(os.environ.get("ROUTING_VAR", Path(__file__).resolve().parent.parent / "var"))
if _var.name != "test":  # workers and bin/test's children come here with it set
    os.environ["ROUTING_VAR"] = str(_var / "test")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from config.settings import *  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "tests"]  # its `flush`
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
AXES_ENABLED = False
ERASURE_JOURNAL = os.devnull  # a test that restores a backup must not hear of another test's erasures
TOKEN_USE_EVERY_SECONDS = 0  # a thread would hold a connection that no test knows of
