"""Training as it happens to the registry: asked for once, tried, promoted or rejected, rolled back; all of it logged.

Two trainings cannot be queued or run at once (a constraint in the database). A training whose worker died is given up
by the sweep and asked for anew, a few times; nothing of it was kept, since a model is registered in the transaction
that ends its job.
"""

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django_q.tasks import async_task
from threadpoolctl import threadpool_limits

from reps.models import Job, User
from reps.services.jobs import ACTIVE, Finish, Report, create_job, fail_job, give_up_if_stopped, run_job
from routing.engine.learning.dataset import Dataset, candidates_of, make_dataset
from routing.engine.learning.fit import CannotTrain
from routing.engine.learning.forecast import Candidates
from routing.engine.learning.seasonal import learn_season
from routing.engine.learning.training import STAGES, Say, Trained, believed, train
from routing.engine.learning.trial import Champion
from routing.engine.model import PRIOR_EFFECTS, MatchModel
from routing.models import ModelEvent, ModelSettings, ModelVersion
from routing.queries.deals import History, load_history
from routing.queries.models import champion_version, model_settings

KIND = "training"
RESTARTS = 3
FORGOTTEN_AFTER = datetime.timedelta(minutes=30)  # queued so long, its task is lost or nobody works


class TrainingUnderWay(Exception):
    """Another training is queued or runs; `job` is that one."""

    def __init__(self, job: Job | None) -> None:
        super().__init__("A training is under way already.")
        self.job = job


class CannotRollBack(Exception):
    """The model asked for cannot decide; the message says why."""


def request_training(*, by: User | None) -> Job:
    """Asks the worker for a training. Raises TrainingUnderWay."""
    job = open_training(by=by)
    async_task("routing.jobs.train_model", job.pk)
    return job


def open_training(*, by: User | None, restarts: int = 0) -> Job:
    """The job of a training, without handing it to a worker. Raises TrainingUnderWay."""
    give_up_stopped_training(at=timezone.now())
    try:
        with transaction.atomic():
            job = create_job(kind=KIND, by=by)
            job.result = {"restarts": restarts}
            job.save(update_fields=["result"])
            return job
    except IntegrityError as error:
        raise TrainingUnderWay(Job.objects.filter(kind=KIND, state__in=ACTIVE).first()) from error


def give_up_stopped_training(*, at: datetime.datetime) -> Job | None:
    """The training whose worker gave no sign of life, or that no worker took up, now failed; None where there is
    none."""
    for job in Job.objects.filter(kind=KIND, state__in=ACTIVE):
        if give_up_if_stopped(job_id=job.pk, at=at):
            return job
        if job.state == Job.State.QUEUED and at - job.created_at > FORGOTTEN_AFTER:
            fail_job(job_id=job.pk, error="No worker took it up.", at=at)
            return job
    return None


def restart_stopped_training(*, at: datetime.datetime) -> Job | None:
    """Takes up a training whose worker died, RESTARTS times at most; the new job, or None."""
    stopped = give_up_stopped_training(at=at)
    if stopped is None or stopped.result.get("restarts", 0) >= RESTARTS:
        return None
    try:
        job = open_training(by=stopped.requested_by, restarts=stopped.result.get("restarts", 0) + 1)
    except TrainingUnderWay:
        return None
    async_task("routing.jobs.train_model", job.pk)
    return job


def run_training(
    *, job_id: int, as_of: datetime.date | None = None, echo: Callable[[str, int, int], None] | None = None
) -> None:
    """Does the work of a queued training, once. Deals that cannot train a model end it with a sentence; the champion
    stays. `echo` is told each stage, besides the job."""
    day = as_of or timezone.localdate() + datetime.timedelta(days=1)  # what closed today counts

    def work(report: Report, finish: Finish) -> None:
        def say(stage: str, done: int, total: int) -> None:
            report(stage, done, total)
            if echo is not None:
                echo(stage, done, total)

        trained, champion = learn(as_of=day, say=say)
        with transaction.atomic():
            version = register(trained, champion=champion, as_of=day, job_id=job_id, at=timezone.now())
            finish({"model": version.number, "state": version.state, "why": trained.trial.why})

    try:
        run_job(job_id=job_id, work=work, refusals=(CannotTrain,))
    finally:
        _note_refusal(job_id)


def _note_refusal(job_id: int) -> None:
    job = Job.objects.get(pk=job_id)
    if job.state == Job.State.FAILED:
        ModelEvent.objects.create(
            kind=ModelEvent.Kind.REFUSED,
            champion_before=champion_version(),
            by=job.requested_by,
            note=job.error,
        )


@transaction.atomic
def train_at_once(*, as_of: datetime.date, at: datetime.datetime) -> ModelVersion:
    """Trains without a job, in the caller's transaction: for what fills an installation. Raises CannotTrain."""
    trained, champion = learn(as_of=as_of, say=lambda stage, done, total: None)
    return register(trained, champion=champion, as_of=as_of, job_id=None, at=at)


def learn(*, as_of: datetime.date, say: Say) -> tuple[Trained, ModelVersion]:
    """Reads, and trains against the champion of this moment. Raises CannotTrain."""
    settings = model_settings()
    steps = len(STAGES) + 1
    say("Reading the deals", 0, steps)
    champion = champion_version()
    history = load_history(as_of=as_of, settings=settings)
    dataset, candidates = prepared(history, settings, as_of)
    with threadpool_limits(
        limits=1
    ):  # many small matrices: threads cost more than they bring, beside other work
        trained = train(
            dataset,
            candidates,
            Champion(champion.number, champion.artifact, champion.as_of),
            priors=believed(settings.tag_trust),
            feedback_by_reason=Counter(row.reason for row in history.feedback),
            labels=history.labels,
            say=lambda stage, done, total: say(stage, done + 1, steps),
        )
    return trained, champion


def prepared(history: History, settings: ModelSettings, as_of: datetime.date) -> tuple[Dataset, Candidates]:
    """The history in the form that the engine learns from, its season included."""
    shared: dict[str, Any] = {
        "as_of": as_of,
        "months": settings.months,
        "inputs": history.inputs,
        "left_out": frozenset(settings.left_out),
        "default_language": history.default_language,
    }
    every = [deal for deal in (*history.earlier, *history.deals) if deal.outcome != "disqualified"]
    whole = make_dataset(every, history.roster, **shared)
    season = learn_season(whole.deals, whole.opened)
    dataset = make_dataset(
        history.deals, history.roster, feedback=history.feedback, season=season.effects, **shared
    )
    candidates = candidates_of(
        history.recent,
        history.recent_covers,
        history.active,
        dataset,
        can_take=history.recent_can_take,
        default_language=history.default_language,
    )
    return dataset, candidates


def register(
    trained: Trained,
    *,
    champion: ModelVersion,
    as_of: datetime.date,
    job_id: int | None,
    at: datetime.datetime,
) -> ModelVersion:
    """Keeps the challenger with its report, as champion or as rejected. Where another model has become champion since
    the comparison, it is only kept: nobody compared it with that one."""
    current = ModelVersion.objects.select_for_update().get(state=ModelVersion.State.CHAMPION)
    is_promoted = trained.trial.is_promoted and current.pk == champion.pk
    if is_promoted:
        _retire(current)
    version = ModelVersion.objects.create(
        number=_next_number(),
        kind=ModelVersion.Kind.LEARNED,
        state=ModelVersion.State.CHAMPION if is_promoted else ModelVersion.State.REJECTED,
        artifact=trained.artifact,
        report=trained.report,
        as_of=as_of,
        job_id=job_id,
        created_at=at,
    )
    note = trained.trial.why if current.pk == champion.pk else "Another model became champion meanwhile."
    ModelEvent.objects.create(
        kind=ModelEvent.Kind.PROMOTED if is_promoted else ModelEvent.Kind.REJECTED,
        model=version,
        champion_before=current,
        by=None if job_id is None else Job.objects.get(pk=job_id).requested_by,
        at=at,
        note=note,
    )
    return version


@transaction.atomic
def roll_back(*, to: ModelVersion, by: User, at: datetime.datetime, note: str = "") -> ModelEvent:
    """Makes an earlier model decide again. Raises CannotRollBack."""
    current = ModelVersion.objects.select_for_update().get(state=ModelVersion.State.CHAMPION)
    target = ModelVersion.objects.select_for_update().get(pk=to.pk)
    if target.pk == current.pk:
        raise CannotRollBack(f"Model {target.number} decides already.")
    if target.state == ModelVersion.State.REJECTED:
        raise CannotRollBack(f"Model {target.number} was rejected and has never decided.")
    _retire(current)
    target.state = ModelVersion.State.CHAMPION
    target.save(update_fields=["state"])
    return ModelEvent.objects.create(
        kind=ModelEvent.Kind.ROLLED_BACK, model=target, champion_before=current, by=by, at=at, note=note
    )


def _retire(version: ModelVersion) -> None:
    version.state = ModelVersion.State.RETIRED
    version.save(update_fields=["state"])


@transaction.atomic
def save_model_settings(*, values: dict[str, Any], by: User | None = None) -> ModelSettings:
    """Stores how the next model is trained. Where rules decide, how much tags are believed holds at once: rules by the
    new trust take the place of the old ones."""
    settings = ModelSettings.objects.select_for_update().get_or_create(pk=1)[0]
    for name, value in values.items():
        setattr(settings, name, value)
    settings.full_clean()
    settings.save()
    _believe_anew(settings, by)
    return settings


def _believe_anew(settings: ModelSettings, by: User | None) -> None:
    current = ModelVersion.objects.select_for_update().get(state=ModelVersion.State.CHAMPION)
    effects = {
        name: round(prior.mean, 9)
        for name, prior in believed(settings.tag_trust).items()
        if name in PRIOR_EFFECTS
    }
    if current.kind != ModelVersion.Kind.RULES or current.artifact["effects"] == effects:
        return
    _retire(current)
    version = ModelVersion.objects.create(
        number=_next_number(),
        kind=ModelVersion.Kind.RULES,
        state=ModelVersion.State.CHAMPION,
        artifact=MatchModel.prior_artifact(effects),
    )
    ModelEvent.objects.create(
        kind=ModelEvent.Kind.PROMOTED,
        model=version,
        champion_before=current,
        by=by,
        note=f"Declared tags are believed {settings.tag_trust:g} times as much as shipped.",
    )


def _next_number() -> int:
    return (ModelVersion.objects.aggregate(newest=Max("number"))["newest"] or 0) + 1
