"""When a token was used last, and from where: noted in memory with each request and written every half minute by a
thread of its own, so that no request waits for it or takes a statement more."""

import datetime
import logging
import threading
import time
from ipaddress import ip_address

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from reps.models import ApiToken

log = logging.getLogger(__name__)
_noted: dict[str, tuple[datetime.datetime, str]] = {}
_lock = threading.Lock()
_writers: list[threading.Thread] = []


def note_use(*, token: ApiToken, address: str) -> None:
    with _lock:
        _noted[token.pk] = (timezone.now(), address)
        if settings.TOKEN_USE_EVERY_SECONDS and not _writers:
            _writers.append(threading.Thread(target=_keep_writing, name="token use", daemon=True))
            _writers[0].start()


def write_uses() -> int:
    """Writes what was noted since the last time; returns how many tokens. The newest of several processes stays."""
    with _lock:
        noted = dict(_noted)
        _noted.clear()
    for digest, (at, address) in noted.items():
        older = Q(last_used_at__isnull=True) | Q(last_used_at__lt=at)
        ApiToken.objects.filter(older, pk=digest).update(last_used_at=at, last_used_from=storable(address))
    return len(noted)


def storable(address: str) -> str | None:
    try:
        return str(ip_address(address))
    except ValueError:
        return None


def _keep_writing() -> None:
    while True:
        time.sleep(settings.TOKEN_USE_EVERY_SECONDS)
        try:
            write_uses()
        except Exception:  # the database is away for a moment: the next use is noted again
            log.exception("the last use of tokens could not be written")
        finally:
            connection.close()
