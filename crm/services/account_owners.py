"""Who owns which account. The history is written by a trigger (migration crm.0004) for every way of writing; here is
said who does it and why, and here many owners are written at once.

Locking: opportunities first, then accounts, then reps, each in rising order of id (as crm.services.ownership has it).
"""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from django.db import connection, transaction

from crm.models import Account, AccountOwnerChange, AccountTransfer, ImportRun
from reps.models import User


@contextmanager
def owners_changed_by(
    *,
    source: AccountOwnerChange.Source,
    by: User | None,
    at: datetime.datetime | None = None,
    reason: str = "",
    transfer: AccountTransfer | None = None,
    import_run: ImportRun | None = None,
) -> Iterator[None]:
    """Owners of accounts that are written inside are noted as changed by this person, in this way and for this reason.

    One transaction; `at` is the time of writing where it is not given.
    """
    said = {
        "source": source.value,
        "by": by.pk if by else None,
        "at": at.isoformat() if at else None,
        "reason": reason[:200],
        "transfer": transfer.pk if transfer else None,
        "import_run": import_run.pk if import_run else None,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('crm.owner_change', true)")
        before = cursor.fetchone()[0] or ""
        cursor.execute("SELECT set_config('crm.owner_change', %s, true)", [json.dumps(said)])
        yield
        cursor.execute("SELECT set_config('crm.owner_change', %s, true)", [before])


def lock_accounts(account_ids: Iterable[int]) -> dict[int, int | None]:
    """The accounts' rows, locked in rising order of id: id → present owner. Those that are gone are not in it."""
    rows = Account.objects.filter(pk__in=set(account_ids)).order_by("pk").select_for_update(no_key=True)
    return dict(rows.values_list("pk", "owner_id"))


def set_owners(*, owners: Mapping[int, int | None], at: datetime.datetime) -> None:
    """Writes the owners (account → rep, None: nobody) of accounts that the caller's transaction has locked, inside
    `owners_changed_by`. One statement for each rep."""
    by_rep: dict[int | None, list[int]] = {}
    for account_id, rep_id in owners.items():
        by_rep.setdefault(rep_id, []).append(account_id)
    for rep_id, account_ids in by_rep.items():
        Account.objects.filter(pk__in=account_ids).update(owner_id=rep_id, updated_at=at)
