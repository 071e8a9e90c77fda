"""The plan written: people, products, accounts, contacts, opportunities and their history, in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.utils import timezone

from crm.models import (
    Account,
    AccountOwnerChange,
    Assignment,
    Contact,
    CustomField,
    ImportRun,
    Opportunity,
    Product,
    StageChange,
    Term,
)
from crm.services.account_owners import lock_accounts, owners_changed_by
from crm.services.imports.companies import write_matches
from crm.services.imports.copying import as_json, copy_rows, next_ids, update_rows
from crm.services.imports.opportunities import REFERENCES, STORED, OpportunityPlan
from crm.services.imports.plans import Records, World, chunks
from crm.services.words import add_term, keep_alias
from reps.models import Rep, Team, User

AS_JSON = {"custom", "flags"}
WRITTEN = (*STORED, *(f"{name}_id" for name in REFERENCES))
CHANGED_FIELDS: dict[type[Any], list[str]] = {
    Rep: ["name", "email", "external_id", "team"],
    Product: ["name", "family", "list_price", "external_id"],
    Account: [
        "name", "external_id", "domain", "industry", "employees", "size_band", "annual_revenue", "founded_year",
        "country", "region", "city", "postal_code", "owner",
    ],
    Contact: ["name", "email", "phone", "title", "preferred_language", "account", "external_id"],
}  # fmt: skip
NAMED_BY_TERMS = {"industry", "source", "competitor", "language", "region"}
CHUNK = 2_000
Step = Callable[[int], None]


def write_words(world: World, by: User | None) -> None:
    """Confirmed spellings and words are kept for what comes in later; unknown words are listed for confirmation."""
    for kind, spelling, term in world.option("aliases") or ():
        keep_alias(kind=kind, spelling=spelling, term=term)
        if kind in NAMED_BY_TERMS:
            add_term(kind=kind, name=term, by=by or User())
    for kind, word in world.option("known") or ():
        add_term(kind=kind, name=word, by=by or User())
    unknown = [Term(kind=kind, name=word, is_known=False) for kind, word in world.unknown]
    Term.objects.bulk_create(unknown, ignore_conflicts=True, batch_size=CHUNK)


def write_records(world: World, fields: Sequence[CustomField]) -> None:
    CustomField.objects.bulk_create(fields)
    Team.objects.bulk_create(world.new_teams)
    for model, records in (
        (Rep, world.reps),
        (Product, world.products),
        (Account, world.accounts),
        (Contact, world.contacts),
    ):
        if model is Account:
            _write_accounts(world)
        else:
            _write(model, records)
    lower = [account for account, _ in world.parents.values()]
    for account, parent in world.parents.values():
        account.parent = parent
    Account.objects.bulk_update(lower, ["parent"], batch_size=CHUNK)


def _write_accounts(world: World) -> None:
    """An owner whom the file does not change stays the one of now: a transfer meanwhile is not taken back."""
    present = lock_accounts(world.accounts.changed)
    for account in world.accounts.changed.values():
        if account.owner_id == world.owners_then[account.pk]:
            account.owner_id = present.get(account.pk)
    source, run = AccountOwnerChange.Source.IMPORT, world.run
    with owners_changed_by(source=source, by=run.started_by, import_run=run):
        _write(Account, world.accounts)


def _write(model: type[Any], records: Records) -> None:
    for chunk in chunks(records.new, CHUNK):
        model._default_manager.bulk_create(chunk)
    changed = list(records.changed.values())
    for record in changed:
        record.updated_at = timezone.now()
    fields = [*CHANGED_FIELDS[model], "updated_at"]
    for chunk in chunks(changed, CHUNK):
        model._default_manager.bulk_update(chunk, fields)


def write_opportunities(plan: OpportunityPlan, world: World, step: Step) -> None:
    """New rows by COPY, changed ones in one UPDATE; then who owns them and how their stages moved."""
    ids = next_ids(Opportunity, len(plan.new))
    plan.ids = dict(zip(plan.new, ids, strict=True))
    columns = ["id", "external_id", *WRITTEN, "accepted_at", "is_locked", "lock_reason", "updated_at"]
    copy_rows("crm_opportunity", columns, _new_rows(plan, world, step))
    copy_rows(
        "crm_assignment",
        ("opportunity_id", "rep_id", "source", "import_run_id", "exempt", "reason", "assigned_at"),
        _new_assignments(plan, world.run),
    )
    copy_rows(
        "crm_stagechange",
        ("opportunity_id", "from_stage", "to_stage", "reason", "changed_by_id", "changed_at"),
        _new_stages(plan, world),
    )
    write_matches(plan, world)
    if plan.changed:
        update_rows("crm_opportunity", [*WRITTEN, "updated_at"], _changed_rows(plan, world, step))
        _move_owners(plan, world)
        _restage(plan, world)


def _cells(plan: OpportunityPlan) -> Callable[[int], list[Any]]:
    plain = [(plan.columns[name], name in AS_JSON) for name in STORED]
    references = [plan.columns[name] for name in REFERENCES]

    def cells(place: int) -> list[Any]:
        row = [as_json(column[place]) if encode else column[place] for column, encode in plain]
        return row + [None if column[place] is None else column[place].pk for column in references]

    return cells


def _new_rows(plan: OpportunityPlan, world: World, step: Step) -> Iterator[list[Any]]:
    cells, now = _cells(plan), timezone.now()
    for number, (place, pk) in enumerate(plan.ids.items(), start=1):
        yield [pk, plan.external_ids[place], *cells(place), world.at, False, "", now]
        if number % CHUNK == 0:
            step(CHUNK)
    step(len(plan.ids) % CHUNK)


def _changed_rows(plan: OpportunityPlan, world: World, step: Step) -> Iterator[list[Any]]:
    cells, now = _cells(plan), timezone.now()
    for place in plan.changed:
        yield [plan.stored[place]["id"], *cells(place), now]
    step(len(plan.changed))


def _new_assignments(plan: OpportunityPlan, run: ImportRun) -> Iterator[tuple[Any, ...]]:
    owners, assigned = plan.columns["owner"], plan.columns["assigned_at"]
    for place, pk in plan.ids.items():
        if owners[place] is not None:
            yield pk, owners[place].pk, "import", run.pk, False, "", assigned[place]


def _new_stages(plan: OpportunityPlan, world: World) -> Iterator[tuple[Any, ...]]:
    columns, by = plan.columns, world.run.started_by_id
    reason = f"Import {world.run.pk}"
    for place, pk in plan.ids.items():
        opened, closed, stage = (
            columns["opened_at"][place],
            columns["closed_at"][place],
            columns["stage"][place],
        )
        yield pk, "", "open", reason, by, opened
        if stage != "open":
            yield pk, "open", stage, reason, by, closed or opened


def _move_owners(plan: OpportunityPlan, world: World) -> None:
    ids = {place: plan.stored[place]["id"] for place in plan.moved}
    active = {
        assignment.opportunity_id: assignment
        for chunk in chunks(list(ids.values()), 20_000)
        for assignment in Assignment.objects.filter(opportunity__in=chunk, ended_at__isnull=True)
    }
    for assignment in active.values():
        assignment.ended_at = max(world.at, assignment.assigned_at)
    for chunk in chunks(list(active.values()), CHUNK):
        Assignment.objects.bulk_update(chunk, ["ended_at"])
    made = [
        Assignment(
            opportunity_id=pk,
            rep=plan.columns["owner"][place],
            source=Assignment.Source.IMPORT,
            import_run=world.run,
            assigned_at=plan.columns["assigned_at"][place],
        )
        for place, pk in ids.items()
    ]
    Assignment.objects.bulk_create(made, batch_size=CHUNK)


def _restage(plan: OpportunityPlan, world: World) -> None:
    changes = [
        StageChange(
            opportunity_id=plan.stored[place]["id"],
            from_stage=plan.stored[place]["stage"],
            to_stage=plan.columns["stage"][place],
            changed_by=world.run.started_by,
            changed_at=plan.columns["closed_at"][place] or world.at,
            reason=f"Import {world.run.pk}",
        )
        for place in plan.restaged
    ]
    StageChange.objects.bulk_create(changes, batch_size=CHUNK)
