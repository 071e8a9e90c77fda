"""Names, places and companies of the demo organisation: they look real and are not."""

from dataclasses import dataclass

import numpy as np
from faker import Faker


@dataclass(frozen=True)
class Place:
    """Where leads of a region come from."""

    country: str
    states: tuple[tuple[str, str], ...]
    currency: str
    time_zone: str
    locale: str


# In the order of worlds.REGIONS.
PLACES = (
    Place("US", (("Massachusetts", "Boston"), ("New York", "New York"), ("Pennsylvania", "Philadelphia"),
                 ("Connecticut", "Hartford")), "USD", "America/New_York", "en_US"),
    Place("US", (("Texas", "Austin"), ("Georgia", "Atlanta"), ("Florida", "Tampa"), ("Tennessee", "Nashville")),
          "USD", "America/Chicago", "en_US"),
    Place("US", (("Illinois", "Chicago"), ("Ohio", "Columbus"), ("Minnesota", "Minneapolis"), ("Michigan", "Detroit")),
          "USD", "America/Chicago", "en_US"),
    Place("US", (("California", "San Diego"), ("Washington", "Seattle"), ("Colorado", "Denver"),
                 ("Oregon", "Portland")), "USD", "America/Los_Angeles", "en_US"),
    Place("CA", (("Ontario", "Toronto"), ("British Columbia", "Vancouver")), "CAD", "America/Toronto", "en_US"),
    Place("GB", (("England", "London"), ("Scotland", "Edinburgh"), ("England", "Leeds")), "GBP",
          "Europe/London", "en_GB"),
    Place("DE", (("Bavaria", "Munich"), ("Hesse", "Frankfurt"), ("Hamburg", "Hamburg")), "EUR",
          "Europe/Berlin", "de_DE"),
    Place("FR", (("Île-de-France", "Paris"), ("Rhône", "Lyon")), "EUR", "Europe/Paris", "fr_FR"),
    Place("ES", (("Madrid", "Madrid"), ("Catalonia", "Barcelona")), "EUR", "Europe/Madrid", "es_ES"),
    Place("BR", (("São Paulo", "São Paulo"), ("Minas Gerais", "Belo Horizonte")), "BRL", "America/Sao_Paulo", "pt_BR"),
)  # fmt: skip

TEAM_OF_REGION = ("US East", "US Central", "US Central", "US West", "US East", "UK and Ireland", "Central Europe",
                  "Central Europe", "Iberia and Brazil", "Iberia and Brazil")  # fmt: skip
TEAMS = ("US East", "US Central", "US West", "UK and Ireland", "Central Europe", "Iberia and Brazil")
RATES = {"EUR": "1.08", "GBP": "1.27", "CAD": "0.73", "BRL": "0.18"}
CERTIFICATIONS = {
    "Solutions Engineer Certified": 4,
    "Platform Architect": 5,
    "Technical Sales Foundations": 2,
    "MEDDIC Trained": 1,
    "Healthcare Compliance Certified": 2,
    "Analytics Certified": 3,
}

FIRST_WORDS = (
    "Northwind", "Kestrel", "Bluepeak", "Harbor", "Alder", "Summit", "Granite", "Lumen", "Verity", "Cobalt",
    "Juniper", "Meridian", "Orchard", "Pinnacle", "Quarry", "Redwood", "Sable", "Tidewater", "Umber", "Vantage",
    "Willow", "Zephyr", "Ashford", "Beacon", "Cascade", "Dunmore", "Elmwood", "Fairmont", "Greyhaven", "Hollis",
    "Ironbridge", "Keystone", "Larkspur", "Marlow", "Newhaven", "Oakridge", "Palisade", "Ridgeway", "Sterling",
    "Thornbury", "Upland", "Westbrook", "Yarrow", "Brightwater", "Clearfield", "Eastgate", "Foxglove",
    "Glenhaven", "Highmark", "Inverness", "Kingsley", "Longview", "Millstone", "Northgate", "Parkside",
    "Rosewood", "Silverline", "Stonebridge", "Trident", "Valecrest", "Whitmore", "Amberley", "Brookfield",
    "Calloway", "Dovetail", "Evergreen", "Fernhill", "Goldcrest", "Hawthorn", "Ivydale", "Jasper", "Kenmore",
    "Lakeshore", "Maplewood", "Nightingale", "Osprey", "Pembroke", "Quillon", "Ravenna", "Southfield",
    "Tamarack", "Unity", "Vermilion", "Wexford",
)  # fmt: skip
INDUSTRY_WORDS = {
    "Healthcare": ("Health", "Clinics", "Hospital Group", "Care Partners", "Medical"),
    "Financial Services": ("Bank", "Capital", "Insurance", "Credit Union", "Wealth"),
    "Manufacturing": ("Manufacturing", "Tooling", "Components", "Industries", "Machine Works"),
    "Software": ("Software", "Systems", "Labs", "Cloud", "Data"),
    "Retail": ("Retail", "Stores", "Outfitters", "Home", "Market"),
    "Energy": ("Energy", "Power", "Solar", "Grid", "Renewables"),
    "Logistics": ("Logistics", "Freight", "Shipping", "Transport", "Supply"),
    "Education": ("University", "Academy", "Learning", "College", "Schools"),
    "Public Sector": ("County", "City Services", "Water Authority", "Transit Authority", "Housing Board"),
    "Media": ("Media", "Studios", "Publishing", "Broadcast", "Press"),
    "Life Sciences": ("Biotech", "Pharma", "Genomics", "Therapeutics", "Diagnostics"),
    "Hospitality": ("Hotels", "Resorts", "Restaurants", "Travel", "Events"),
}


@dataclass
class Cast:
    """Draws names, each person and company once. Seeded; holds its own generators."""

    rng: np.random.Generator
    fakers: dict[str, Faker]
    taken: set[str]

    @classmethod
    def from_seed(cls, seed: int) -> "Cast":
        fakers = {}
        for number, locale in enumerate(sorted({place.locale for place in PLACES})):
            fakers[locale] = Faker(locale)
            fakers[locale].seed_instance(seed * 100 + number)
        return cls(np.random.default_rng(seed), fakers, set())

    def person(self, locale: str) -> str:
        """A first and a last name, not drawn before."""
        faker = self.fakers[locale]
        while True:
            name = f"{faker.first_name()} {faker.last_name()}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def company(self, industry: str) -> str:
        """A company of the industry, not drawn before."""
        for attempt in range(1000):
            words = [str(self.rng.choice(FIRST_WORDS)), str(self.rng.choice(INDUSTRY_WORDS[industry]))]
            if attempt > 2:
                words.insert(1, str(self.rng.choice(FIRST_WORDS)))
            name = " ".join(words)
            if name not in self.taken:
                self.taken.add(name)
                return name
        raise RuntimeError("The demo ran out of company names; use fewer opportunities.")


def email_of(name: str, domain: str) -> str:
    """ana.moreno@domain, in ASCII."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    return f"{'.'.join(''.join(c for c in word if c.isalnum()) for word in plain.split())}@{domain}"
