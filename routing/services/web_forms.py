"""Web forms made and changed, and how much each may send: counted in the database, so that several web servers count
as one."""

import datetime
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings as project
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F

from reps.models import User
from reps.permissions import may
from reps.queries.prepared import ask_one
from reps.services.edits import lock_unchanged
from routing.models import WebForm, WebFormHour

KEPT = datetime.timedelta(days=2)
COUNT = """
INSERT INTO routing_webformhour (form_id, address, hour, count) VALUES (%(form)s, %(address)s, %(hour)s, 1)
ON CONFLICT ON CONSTRAINT web_form_hour_once DO UPDATE SET count = routing_webformhour.count + 1
RETURNING count
"""


@dataclass(frozen=True)
class WebFormInput:
    """What a person gave. `mapping`: the form's names by ours; `fixed`: values by ours."""

    name: str
    is_active: bool
    origins: Sequence[str]
    mapping: Mapping[str, str]
    fixed: Mapping[str, str]
    refuses_unknown: bool
    trap: str
    thanks: str
    most_by_address: int
    most: int


@transaction.atomic
def save_web_form(
    *, given: WebFormInput, by: User, form: WebForm | None = None, seen: datetime.datetime | None = None
) -> WebForm:
    """Adds or changes one. Leads of a new one come in as of its maker. Raises EditConflict."""
    check(by)
    found = lock_unchanged(form, seen=seen) if form is not None else WebForm(key=new_key(), acts_as=by)
    for name in WebFormInput.__dataclass_fields__:
        setattr(found, name, getattr(given, name))
    found.origins, found.mapping, found.fixed = list(given.origins), dict(given.mapping), dict(given.fixed)
    found.save()
    return found


@transaction.atomic
def rotate_key(*, form: WebForm, by: User) -> None:
    """From now on the old address answers nothing."""
    check(by)
    form.key = new_key()
    form.save(update_fields=["key", "updated_at"])


@transaction.atomic
def delete_web_form(*, form: WebForm, by: User) -> None:
    """What came in through it stays."""
    check(by)
    form.delete()


def new_key() -> str:
    return secrets.token_urlsafe(24)


def is_within_limits(*, form: WebForm, address: str, at: datetime.datetime) -> bool:
    """Counts one more of this hour. What is beyond the address's limit does not count for the form, so that one sender
    cannot use up what others may send."""
    return _counted(form, hashed(address), at) <= form.most_by_address and _counted(form, "", at) <= form.most


def _counted(form: WebForm, address: str, at: datetime.datetime) -> int:
    hour = at.replace(minute=0, second=0, microsecond=0)
    number: int = ask_one(COUNT, {"form": form.pk, "address": address, "hour": hour})[0]
    return number


def hashed(address: str) -> str:
    """Keyed, since an address is somebody's; of IPv6 the network, since one household has many addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        text = "unknown"
    else:
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        text = str(ipaddress.ip_network((found, 64), strict=False) if found.version == 6 else found)
    return hmac.new(project.SECRET_KEY.encode(), b"web form " + text.encode(), hashlib.sha256).hexdigest()


def note(form: WebForm, *, at: datetime.datetime, **counts: int) -> None:
    """Counts what became of a request: accepted, refused, limited, trapped, unknown (fields)."""
    changes = {name: F(name) + number for name, number in counts.items() if number}
    WebForm.objects.filter(pk=form.pk).update(**changes, last_at=at)


def forget_hours(*, at: datetime.datetime) -> int:
    return WebFormHour.objects.filter(hour__lt=at - KEPT).delete()[0]


def check(by: User) -> None:
    if not may(by, "edit_integrations"):
        raise PermissionDenied("Web forms are for those who look after integrations.")
