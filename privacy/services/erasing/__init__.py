"""A person becomes nobody: in one transaction, of which an `Erasure` tells that it was, and nothing whom it was.

Locks go in the house's order: what leads of the same person wait for, opportunities, accounts, reps; then the contact
or user. So a lead of the same person that comes in at this moment either was here before, and is erased along, or
finds nobody of that name afterwards and is somebody new.
"""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from crm.engine.matching.matcher import Lead
from crm.models import Account, Contact, Opportunity
from crm.services import ownership
from crm.services.account_owners import lock_accounts
from crm.services.placing import person_locks
from crm.services.waiting import one_at_a_time
from privacy.engine.identity import Crowd
from privacy.models import Erasure, Kind
from privacy.queries.elsewhere import Erased, elsewhere, said_elsewhere
from privacy.queries.people import NOTHING, Subject, load_subject, only_this_person
from privacy.services.erasing.audit import erase_in_audit
from privacy.services.erasing.configuration import erase_in_versions
from privacy.services.erasing.decisions import contents_of, erase_in_decisions
from privacy.services.erasing.files import erase_files, waiting_files
from privacy.services.erasing.libraries import erase_in_libraries
from privacy.services.erasing.linked import erase_linked
from privacy.services.erasing.mentions import erase_mentions
from privacy.services.erasing.opportunities import erase_account, erase_words, opportunity_ids
from privacy.services.journal import write_journal
from reps.models import Invitation, Rep, User
from reps.permissions import may
from routing.models import WebForm
from routing.queries.configuration import compiled

ERASE_LOCK = 7262101  # one erasure at a time


class EraseRefused(Exception):
    """It cannot be done now; the message says why and what to do first."""


@transaction.atomic
def erase(
    *,
    people: Sequence[tuple[str, int]],
    by: User | None,
    at: datetime.datetime,
    reason: str = "",
    with_account: bool = False,
    is_by_rule: bool = False,
    is_again: bool = False,
) -> list[Erasure]:
    """Erases these people together. `by`: an admin; None for a command, a rule or a restore. `is_again`: they were
    erased after the backup that was restored, so nothing is refused. Raises EraseRefused; then nothing is written."""
    if by is not None and not may(by, "erase_people"):
        raise EraseRefused("Only an admin erases people.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASE_LOCK])
    _hold_elsewhere()
    found = [one for kind, pk in people if (one := load_subject(kind, pk)) is not None]
    said = {(one.kind, one.pk): said_elsewhere(one.members) for one in found if not one.is_erased}
    _lock(found)
    # once more: what was called otherwise, or came in, while others were waited for
    subjects = [
        one
        for was in found
        if (one := load_subject(was.kind, was.pk, said=said.get((was.kind, was.pk), NOTHING))) is not None
        and not one.is_erased
    ]
    crowd = Crowd(tuple(one.identity for one in subjects))
    if not subjects:
        raise EraseRefused("There is nobody to erase: erased already, or never there.")
    if not is_again:
        _refuse(subjects, crowd, by, is_by_rule=is_by_rule)
    accounts = {one.pk: account for one in subjects if with_account and (account := only_this_person(one))}
    erasures = [
        Erasure.objects.create(
            kind=one.kind, person_id=one.pk, made_by=by, made_at=at, reason=reason[:200], is_by_rule=is_by_rule,
            with_account_id=accounts[one.pk].pk if one.pk in accounts else None,
        )
        for one in subjects
    ]  # fmt: skip
    _erase(subjects, list(accounts.values()), crowd, erasures, is_again=is_again)
    transaction.on_commit(compiled.cache_clear)
    transaction.on_commit(write_journal, robust=True)
    return erasures


def _erase(
    subjects: Sequence[Subject],
    accounts: Sequence[Account],
    crowd: Crowd,
    erasures: Sequence[Erasure],
    *,
    is_again: bool,
) -> None:
    counts: Counter[str] = Counter()
    with erasing(erasures[0]):
        ids = sorted({pk for one in subjects for pk in opportunity_ids(one)})
        contents = contents_of(ids)
        keys = erase_words(ids, counts)
        invitations = _invitations(subjects)
        for subject in subjects:
            erase_linked(subject, counts)
            if subject.kind == Kind.REP:
                Rep.objects.filter(pk=subject.pk, left_at__isnull=True).update(left_at=erasures[0].made_at)
        for account in accounts:
            erase_account(account, counts)
        erase_mentions(crowd, counts)
        erase_in_versions(crowd, counts)
        named = dict(Opportunity.objects.filter(pk__in=ids).values_list("pk", "name"))
        erased = Erased(tuple(subjects), crowd, named, keys, contents, tuple(invitations), is_again)
        erase_in_decisions(erased, counts)
        erase_files(crowd, counts)
        erase_in_libraries(subjects, crowd, counts)
        erase_in_audit(erased, counts)
        for place in elsewhere():
            place.erase(erased, counts)
        told = {model: number for model, number in sorted(counts.items()) if number}
        Erasure.objects.filter(pk__in=[one.pk for one in erasures]).update(counts=told)
    for one in erasures:
        one.counts = told


def _hold_elsewhere() -> None:
    """Before any row is locked: whoever works in those places waits for rows."""
    for place in elsewhere():
        if not place.hold():
            raise EraseRefused(f"{place.busy} Try again when that is over.")


def _invitations(subjects: Sequence[Subject]) -> list[int]:
    users = [pk for one in subjects if (pk := one.members.get(Kind.USER)) is not None]
    return list(Invitation.objects.filter(accepted_by__in=users).values_list("pk", flat=True))


@contextmanager
def erasing(erasure: Erasure) -> Iterator[None]:
    """Within, history may be rewritten, of personal columns only, under this erasure. What fails is rolled back, and
    the permission with it."""
    _say(str(erasure.pk))
    yield
    _say("")


def _say(erasure: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('routing.erases', %s, true)", [erasure])


def _lock(subjects: Sequence[Subject]) -> None:
    """All of each kind together, in rising order, before the next kind."""

    def ids(kind: Kind) -> list[int]:
        return sorted(pk for one in subjects if (pk := one.members.get(kind)) is not None)

    contacts = list(Contact.objects.filter(pk__in=ids(Kind.CONTACT)).order_by("pk"))
    wanted = {pair for one in contacts for pair in person_locks(Lead(email=one.email, phone=one.phone))}
    one_at_a_time(*sorted(wanted))
    ownership.lock_opportunities(pk for one in subjects for pk in opportunity_ids(one))
    lock_accounts(one.account_id for one in contacts if one.account_id)
    ownership.lock_reps(ids(Kind.REP))
    if ids(Kind.USER):  # nobody else takes the last admin's role meanwhile
        list(User.objects.select_for_update(no_key=True).filter(role=User.Role.ADMIN).order_by("pk"))
    for model, kind in ((Contact, Kind.CONTACT), (User, Kind.USER)):
        list(model._base_manager.select_for_update(no_key=True).filter(pk__in=ids(kind)).order_by("pk"))


# --- what is refused -------------------------------------------------------------------------------------------------


def refusals(subject: Subject, by: User | None) -> list[str]:
    """What keeps this person from being erased now, each with what to do first."""
    crowd = Crowd((subject.identity,))
    return [*_personal_refusals(subject, by), *_files_refusals(crowd)]


def _refuse(subjects: Sequence[Subject], crowd: Crowd, by: User | None, *, is_by_rule: bool) -> None:
    found = [said for one in subjects for said in _personal_refusals(one, by)] + _files_refusals(crowd)
    if found:
        raise EraseRefused(" ".join(found))


def _files_refusals(crowd: Crowd) -> list[str]:
    waiting = waiting_files(crowd)
    if not waiting:
        return []
    return [
        f"The person stands in a file that is not done with: {', '.join(waiting)}. Finish or abandon it first."
    ]


def _personal_refusals(subject: Subject, by: User | None) -> list[str]:
    found = []
    if (rep_id := subject.members.get(Kind.REP)) is not None:
        rep = Rep.objects.get(pk=rep_id)
        if rep.is_active:
            found.append("The rep works here. Let the rep leave first: then others take over what is open.")
        elif rep.load:
            found.append("The rep still owns open opportunities. Give them to somebody else first.")
    if (user_id := subject.members.get(Kind.USER)) is not None:
        user = User.objects.get(pk=user_id)
        if by is not None and by.pk == user_id:
            found.append("You cannot erase yourself: another admin does.")
        admins = User.objects.filter(role=User.Role.ADMIN, is_active=True)
        if user in admins and not admins.exclude(pk=user_id).exists():
            found.append("This is the last active admin. Make somebody else an admin first.")
        forms = WebForm.objects.filter(acts_as=user, is_active=True).values_list("name", flat=True)
        if forms:
            found.append(
                f"Web forms act as this user: {', '.join(forms)}. Let somebody else make them first."
            )
    return found
