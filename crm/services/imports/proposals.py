"""Spellings that probably mean a known word (`GTXPro`: `GTX Pro`, `technolgy`: `technology`), to be confirmed."""

from collections import Counter

from crm.engine.imports.spellings import COMMON_INDUSTRIES, Proposal, countries, languages, propose
from crm.models import Term
from crm.services.imports.plans import World


def propose_words(world: World) -> list[Proposal]:
    """For every word of the run that nobody knows, by kind."""
    known: dict[str, set[str]] = {
        "industry": set(COMMON_INDUSTRIES),
        "country": set(countries()),
        "language": set(languages()),
    }
    for kind, name in Term.objects.filter(is_known=True).values_list("kind", "name"):
        known.setdefault(kind, set()).add(name)
    new = {id(product) for product in world.products.new if not getattr(product, "from_file", False)}
    known["product"] = {
        product.name
        for named in world.products.by_name.values()
        for product in named
        if id(product) not in new
    }
    counts: dict[str, Counter[str]] = {}
    for (kind, word), rows in world.unknown.items():
        counts.setdefault(kind, Counter())[word] = rows
    return [
        proposal
        for kind in sorted(counts)
        if kind != "currency"
        for proposal in propose(kind, counts[kind], known.get(kind, set()))
    ]
