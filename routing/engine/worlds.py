"""Simulated sales organisations whose truth is known: the benchmarks' worlds and the demo organisation.

    log-odds of winning = intercept + lead + rep(t) + affinity(lead, rep)
                          − tiredness · max(load − .8, 0) − slowness · ln(first touch / 4 h) + hidden quality

`lead` sums effects of industry, size, source, product, region, urgency, competitor, complexity and value, a source ×
product interaction, a random walk over months for each source and a season for each industry. `rep(t)` is skill, half
of it seniority, and walks slowly. `affinity` is half declared-like fit (true expertise, territory, language) and half
a hidden match of low rank. The hidden quality is seen in part by the managers who assign, and by no data: history is
confounded. Every number is a field of `WorldSettings`. Nothing here reads a clock or draws from a global generator.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routing.engine.model import logistic

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

INDUSTRIES = ("Healthcare", "Financial Services", "Manufacturing", "Software", "Retail", "Energy", "Logistics",
              "Education", "Public Sector", "Media", "Life Sciences", "Hospitality")  # fmt: skip
SIZES = ("1-49", "50-199", "200-999", "1000-4999", "5000+")
SOURCES = (
    "Website form",
    "Demo request",
    "Outbound",
    "Partner referral",
    "Event",
    "Webinar",
    "Nurture",
    "Chat",
)
PRODUCTS = ("Platform", "Analytics", "Security Add-on", "Automation", "Data Hub", "Mobile")
REGIONS = ("US-Northeast", "US-South", "US-Midwest", "US-West", "Canada", "United Kingdom", "Germany", "France",
           "Spain", "Brazil")  # fmt: skip
LANGUAGES = ("English", "German", "French", "Spanish", "Portuguese")
LANGUAGE_OF_REGION = (0, 0, 0, 0, 0, 0, 1, 2, 3, 4)
URGENCIES = ("now", "quarter", "year", "exploring")
COMPETITORS = ("Salesforce", "HubSpot", "Dynamics", "Zoho", "Pipedrive", "SAP", "Oracle")
NO_COMPETITOR = -1
COMPLEXITIES = 5
DAYS_PER_MONTH = 30.4375
REFERENCE_PAIRS = (
    4000  # random pairs on which the parts of the affinity are brought to their standard deviation
)


@dataclass(frozen=True)
class WorldSettings:
    """The numbers of a world. Standard deviations are in log-odds, times in days, hours where named so."""

    reps: int = 50
    deals: int = 2000
    months: int = 12
    affinity_sd: float = 0.6
    rep_sd: float = 0.35
    seniority_share: float = 0.5
    rep_walk_sd_per_year: float = 0.25
    lead_sd: float = 0.9
    hidden_quality_sd: float = 0.4
    intercept: float = -0.9
    source_walk_sd_per_month: float = 0.06
    season_sd: float = 0.15
    tiredness: float = 0.5
    tired_from: float = 0.8
    slowness: float = 0.15
    typical_touch_hours: float = 4.0
    rep_touch_sd: float = 0.4
    touch_spread: float = 0.8
    declared_share: float = 0.6
    declared_precision: float = 0.7
    favourite_skill_correlation: float = 0.5
    seen_quality_correlation: float = 0.6
    no_history_share: float = 0.08
    disqualified_share: float = 0.10
    days_to_win: float = 38.0
    days_to_lose: float = 50.0
    days_spread: float = 0.5
    no_competitor_share: float = 0.4
    language_of_region_share: float = 0.85
    hidden_rank: int = 3
    max_open: int = 30
    value_log_mean: float = 9.2
    value_log_by_size: float = 0.75
    value_log_sd: float = 0.7


@dataclass(frozen=True)
class WorldReps:
    """n reps. `skill` n × (months + 1) log-odds; `expert_*`, `tagged_*` what is true and what is declared."""

    seniority: Ints
    skill: Floats
    regions: Mask
    languages: Mask
    expert_industries: Mask
    expert_products: Mask
    expert_competitors: Mask
    tagged_industries: Mask
    tagged_products: Mask
    tagged_competitors: Mask
    hidden: Floats
    favourite: Floats
    touch_hours: Floats
    has_history: Mask


@dataclass(frozen=True)
class Leads:
    """m opportunities; category columns index the tuples above, `month` counts from the world's beginning."""

    industry: Ints
    size: Ints
    source: Ints
    product: Ints
    region: Ints
    language: Ints
    urgency: Ints
    competitor: Ints
    complexity: Ints
    value: Floats
    day: Floats
    quality: Floats
    seen_quality: Floats
    hidden: Floats
    base: Floats

    def __len__(self) -> int:
        return len(self.industry)

    @property
    def month(self) -> Ints:
        return (self.day / DAYS_PER_MONTH).astype(np.int64)


@dataclass(frozen=True)
class History:
    """What a CRM would hold of m leads: who had each, what came of it. `outcome` 1 won, 0 lost, −1 disqualified."""

    rep: Ints
    outcome: Ints
    touch_hours: Floats
    closed_day: Floats
    load: Floats


@dataclass(frozen=True)
class World:
    """A world ready to draw leads from."""

    settings: WorldSettings
    reps: WorldReps
    frequencies: dict[str, Floats]
    effects: dict[str, Floats]
    source_walk: Floats
    season_phase: Floats
    season_size: Floats
    lead_shift: float
    lead_scale: float
    embeddings: dict[str, Floats]
    fit_mean: Floats
    hidden_mean: Floats
    fit_scale: float = 0.0
    hidden_scale: float = 0.0


CATEGORIES = {
    "industry": 12,
    "size": 5,
    "source": 8,
    "product": 6,
    "region": 10,
    "urgency": 4,
    "competitor": 8,
}
EMBEDDED = ("industry", "product", "source", "size")
FIT_WEIGHTS = {"industry": 1.0, "product": 0.8, "territory": 0.8, "language": 0.8, "competitor": 0.6}


def make_world(settings: WorldSettings, seed: int) -> World:
    """A world from a seed: the same seed gives the same world."""
    rng = np.random.default_rng(seed)
    reps = _make_reps(settings, rng)
    frequencies = {name: _uneven(rng, n) for name, n in CATEGORIES.items()}
    effects = {name: rng.normal(0, 1, n) for name, n in CATEGORIES.items()}
    effects |= {
        "complexity": np.array([-rng.uniform(0, 0.4)]),
        "value": rng.normal(0, 0.4, 2),
        "source_product": rng.normal(0, 0.6, (CATEGORIES["source"], CATEGORIES["product"])),
    }
    steps = rng.normal(0, settings.source_walk_sd_per_month, (settings.months + 2, CATEGORIES["source"]))
    draft = World(
        settings=settings,
        reps=reps,
        frequencies=frequencies,
        effects=effects,
        source_walk=np.cumsum(steps, axis=0),
        season_phase=rng.uniform(0, 2 * np.pi, CATEGORIES["industry"]),
        season_size=np.abs(rng.normal(0, settings.season_sd, CATEGORIES["industry"])),
        lead_shift=0.0,
        lead_scale=1.0,
        fit_mean=np.zeros(settings.reps),
        hidden_mean=np.zeros(settings.reps),
        embeddings={name: rng.normal(0, 1, (CATEGORIES[name], settings.hidden_rank)) for name in EMBEDDED},
    )
    return _standardised(draft, rng)


def _standardised(draft: World, rng: np.random.Generator) -> World:
    """The world with its parts brought to their standard deviations on a sample of leads and pairs."""
    settings = draft.settings
    sample = draw_leads(draft, REFERENCE_PAIRS, rng)
    raw = _raw_lead_effect(draft, sample)
    rep = rng.integers(0, settings.reps, REFERENCE_PAIRS)
    fits, matches = _raw_fit(draft, sample), sample.hidden @ draft.reps.hidden.T
    fit_mean, hidden_mean = fits.mean(axis=0), matches.mean(axis=0)
    pairs = (np.arange(REFERENCE_PAIRS), rep)
    fit, match = (fits - fit_mean)[pairs], (matches - hidden_mean)[pairs]
    half = settings.affinity_sd / np.sqrt(2)
    return World(
        **{
            **{name: getattr(draft, name) for name in draft.__dataclass_fields__},
            "lead_shift": float(raw.mean()),
            "lead_scale": settings.lead_sd / max(float(raw.std()), 1e-9),
            "fit_mean": fit_mean,
            "hidden_mean": hidden_mean,
            "fit_scale": half / max(float(fit.std()), 1e-9),
            "hidden_scale": half / max(float(match.std()), 1e-9),
        }
    )


def _make_reps(settings: WorldSettings, rng: np.random.Generator) -> WorldReps:
    n = settings.reps
    seniority = rng.choice([1, 2, 3, 4], n, p=[0.25, 0.35, 0.28, 0.12])
    spread = (seniority - seniority.mean()) / max(float(seniority.std()), 1e-9)
    share = settings.seniority_share
    skill = settings.rep_sd * (np.sqrt(share) * spread + np.sqrt(1 - share) * rng.normal(0, 1, n))
    steps = rng.normal(0, settings.rep_walk_sd_per_year / np.sqrt(12), (n, settings.months + 2))
    steps[:, 0] = 0
    correlation = settings.favourite_skill_correlation
    standard = skill / max(settings.rep_sd, 1e-9)
    favourite = correlation * standard + np.sqrt(1 - correlation**2) * rng.normal(0, 1, n)
    expert = {
        "industries": _some(rng, n, 12, 2, 4),
        "products": _some(rng, n, 6, 1, 3),
        "competitors": _some(rng, n, 7, 0, 2),
    }
    return WorldReps(
        seniority=seniority,
        skill=skill[:, None] + np.cumsum(steps, axis=1),
        regions=_some(rng, n, 10, 1, 3),
        languages=_languages(rng, n),
        expert_industries=expert["industries"],
        expert_products=expert["products"],
        expert_competitors=expert["competitors"],
        tagged_industries=_declared(rng, expert["industries"], settings),
        tagged_products=_declared(rng, expert["products"], settings),
        tagged_competitors=_declared(rng, expert["competitors"], settings),
        hidden=rng.normal(0, 1, (n, settings.hidden_rank)),
        favourite=favourite,
        touch_hours=settings.typical_touch_hours * rng.lognormal(0, settings.rep_touch_sd, n),
        has_history=rng.random(n) >= settings.no_history_share,
    )


def _uneven(rng: np.random.Generator, n: int) -> Floats:
    return rng.dirichlet(np.full(n, 3.0))


def _some(rng: np.random.Generator, rows: int, of: int, least: int, most: int) -> Mask:
    """For each row, between `least` and `most` of the columns."""
    chosen = np.zeros((rows, of), dtype=bool)
    for row in range(rows):
        chosen[row, rng.choice(of, rng.integers(least, most + 1), replace=False)] = True
    return chosen


def _languages(rng: np.random.Generator, n: int) -> Mask:
    speaks = rng.random((n, 5)) < 0.22
    speaks[:, 0] = rng.random(n) < 0.95
    silent = ~np.asarray(speaks.any(axis=1))
    speaks[silent, 0] = True
    return np.asarray(speaks)


def _declared(rng: np.random.Generator, true: Mask, settings: WorldSettings) -> Mask:
    """Tags: `declared_share` of what is true, and so many false ones that `declared_precision` of all are true."""
    kept = true & (rng.random(true.shape) < settings.declared_share)
    false_count = kept.sum() * (1 - settings.declared_precision) / settings.declared_precision
    rate = false_count / max(int((~true).sum()), 1)
    return np.asarray(kept | (~true & (rng.random(true.shape) < rate)))


def draw_leads(
    world: World, count: int, rng: np.random.Generator, *, from_day: float = 0.0, days: float | None = None
) -> Leads:
    """`count` leads spread over the days (by default the world's months), in order of time."""
    settings = world.settings
    span = settings.months * DAYS_PER_MONTH if days is None else days
    drawn = {
        name: rng.choice(CATEGORIES[name], count, p=world.frequencies[name])
        for name in ("industry", "size", "source", "product", "region", "urgency")
    }
    own = np.array(LANGUAGE_OF_REGION)[drawn["region"]]
    language = np.where(rng.random(count) < settings.language_of_region_share, own, rng.integers(0, 5, count))
    rivals = world.frequencies["competitor"][:7]
    competitor = np.where(
        rng.random(count) < settings.no_competitor_share,
        NO_COMPETITOR,
        rng.choice(7, count, p=rivals / rivals.sum()),
    )
    size = drawn["size"]
    complexity = np.clip(np.round(1.2 + 0.6 * size + rng.normal(0, 0.9, count)), 1, COMPLEXITIES).astype(
        np.int64
    )
    log_value = (
        settings.value_log_mean
        + settings.value_log_by_size * (size - 1)
        + rng.normal(0, settings.value_log_sd, count)
    )
    quality = rng.normal(0, 1, count)
    correlation = settings.seen_quality_correlation
    seen = correlation * quality + np.sqrt(1 - correlation**2) * rng.normal(0, 1, count)
    hidden = sum(world.embeddings[name][drawn[name]] for name in EMBEDDED) / np.sqrt(len(EMBEDDED))
    leads = Leads(
        **drawn,
        language=language,
        competitor=competitor,
        complexity=complexity,
        value=np.exp(log_value),
        day=np.sort(from_day + rng.random(count) * span),
        quality=settings.hidden_quality_sd * quality,
        seen_quality=seen,
        hidden=np.asarray(hidden),
        base=np.zeros(count),
    )
    return _with_base(world, leads)


def _with_base(world: World, leads: Leads) -> Leads:
    settings = world.settings
    month = np.clip(leads.month, 0, settings.months + 1)
    season = world.season_size[leads.industry] * np.sin(
        2 * np.pi * leads.day / 365.25 + world.season_phase[leads.industry]
    )
    raw = (_raw_lead_effect(world, leads) - world.lead_shift) * world.lead_scale
    base = settings.intercept + raw + world.source_walk[month, leads.source] + season
    return Leads(**{**{name: getattr(leads, name) for name in leads.__dataclass_fields__}, "base": base})


def _raw_lead_effect(world: World, leads: Leads) -> Floats:
    effects = world.effects
    total = np.zeros(len(leads))
    for name in ("industry", "size", "source", "product", "region", "urgency"):
        total += effects[name][getattr(leads, name)]
    total += effects["competitor"][leads.competitor]  # −1 is the last: no competitor
    total += effects["complexity"][0] * leads.complexity
    scaled = np.log(leads.value) - 9.5
    total += effects["value"][0] * scaled + effects["value"][1] * 0.3 * scaled**2
    return total + effects["source_product"][leads.source, leads.product]


def _raw_fit(world: World, leads: Leads) -> Floats:
    """m × n: true expertise, territory and language, weighted."""
    reps = world.reps
    fit = FIT_WEIGHTS["industry"] * reps.expert_industries[:, leads.industry].T.astype(float)
    fit += FIT_WEIGHTS["product"] * reps.expert_products[:, leads.product].T
    fit += FIT_WEIGHTS["territory"] * reps.regions[:, leads.region].T
    fit += FIT_WEIGHTS["language"] * reps.languages[:, leads.language].T
    rival = reps.expert_competitors[:, np.maximum(leads.competitor, 0)].T & (leads.competitor >= 0)[:, None]
    return fit + FIT_WEIGHTS["competitor"] * rival


def affinity(world: World, leads: Leads) -> Floats:
    """m × n log-odds by which a pairing is better or worse than its parts: a rep's average over all leads is nil."""
    fit = (_raw_fit(world, leads) - world.fit_mean) * world.fit_scale
    match = (leads.hidden @ world.reps.hidden.T - world.hidden_mean) * world.hidden_scale
    return np.asarray(fit + match)


def true_log_odds(
    world: World, leads: Leads, *, load: float = 0.0, touch_hours: float | None = None
) -> Floats:
    """m × n log-odds of winning, with the hidden quality, at one load (share of the maximum) and first touch."""
    settings = world.settings
    month = np.clip(leads.month, 0, settings.months + 1)
    skill = world.reps.skill[:, month].T
    touch = settings.typical_touch_hours if touch_hours is None else touch_hours
    tired = settings.tiredness * max(load - settings.tired_from, 0)
    slow = settings.slowness * np.log(touch / settings.typical_touch_hours)
    return np.asarray(
        leads.base[:, None] + skill + affinity(world, leads) + leads.quality[:, None] - tired - slow
    )


def true_win_probability(world: World, leads: Leads) -> Floats:
    """m × n probability of winning, for a rep with room who calls in the typical time."""
    return logistic(true_log_odds(world, leads))


def play_history(world: World, leads: Leads, rng: np.random.Generator) -> History:
    """The human policy assigns the leads in order of time; then each is touched, and won, lost or disqualified.

    Managers look at territory, language and tags, give favourites the leads that look good, and seniors the big ones.
    """
    settings, reps = world.settings, world.reps
    wishes = _human_wishes(world, leads, rng)
    odds = true_log_odds(world, leads)
    count = len(leads)
    open_until: list[list[float]] = [[] for _ in range(settings.reps)]
    rep, load = np.zeros(count, dtype=np.int64), np.zeros(count)
    touch, closed = np.zeros(count), np.zeros(count)
    outcome = np.zeros(count, dtype=np.int64)
    junk = rng.random(count) < 2 * settings.disqualified_share * logistic(-leads.quality * 2 - leads.base / 2)
    shares = np.zeros(settings.reps)
    for i in range(count):
        today = float(leads.day[i])
        chosen = int(np.argmax(wishes[i] - 1.5 * shares - 8.0 * (shares >= 1.1)))
        rep[i] = chosen
        open_until[chosen] = [day for day in open_until[chosen] if day > today]
        load[i] = len(open_until[chosen]) / settings.max_open
        touch[i] = (
            reps.touch_hours[chosen] * rng.lognormal(0, settings.touch_spread) * (1 + max(load[i] - 0.7, 0))
        )
        won = rng.random() < _odds_then(settings, odds[i, chosen], load[i], touch[i])
        outcome[i] = -1 if junk[i] else int(won)
        days = settings.days_to_win if won and not junk[i] else settings.days_to_lose
        closed[i] = today + max(days * rng.lognormal(0, settings.days_spread), touch[i] / 24 + 0.2)
        open_until[chosen].append(closed[i])
        shares[chosen] = len(open_until[chosen]) / settings.max_open
        if i % 20 == 0:
            shares = np.array([sum(day > today for day in days_) for days_ in open_until]) / settings.max_open
    return History(rep, outcome, touch, closed, load)


def _odds_then(settings: WorldSettings, log_odds: float, load: float, touch: float) -> float:
    tired = settings.tiredness * max(load - settings.tired_from, 0)
    slow = settings.slowness * np.log(touch / settings.typical_touch_hours)
    return float(1 / (1 + np.exp(-(log_odds - tired - slow))))


def _human_wishes(world: World, leads: Leads, rng: np.random.Generator) -> Floats:
    """m × n: how much the managers would like each rep for each lead, before looking at loads."""
    reps = world.reps
    big = (np.log(leads.value) - np.log(leads.value).mean()) / max(float(np.log(leads.value).std()), 1e-9)
    wishes = 2.0 * reps.regions[:, leads.region].T.astype(float)
    wishes += 1.5 * reps.languages[:, leads.language].T
    wishes += (
        0.8 * reps.tagged_industries[:, leads.industry].T + 0.5 * reps.tagged_products[:, leads.product].T
    )
    wishes += 0.5 * reps.favourite[None, :] + 0.4 * leads.seen_quality[:, None] * reps.favourite[None, :]
    wishes += 0.4 * big[:, None] * (reps.seniority - 2.3)[None, :]
    wishes += rng.gumbel(0, 0.7, wishes.shape)
    return np.where(reps.has_history[None, :], wishes, -1e9)
