"""Words of company names: which say nothing, which say a trade, which say a place. Written lists, all lower case.

Legal forms follow the registers of the countries beside them; the rest is what company registers are full of.
"""

import re
from functools import cache, lru_cache

import pycountry
from anyascii import anyascii


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEGAL_FORMS = _words(
    # English-speaking
    "inc incorporated corp corporation co company llc llp lllp lp pllc pc ltd limited plc pty pte pvt private "
    "unlimited ulc cic dac clg cc bhd sdn "
    # German-speaking
    "gmbh mbh ag kg kgaa ohg ug gbr ev eg aktiengesellschaft haftungsbeschrankt gesmbh "
    # Romance
    "sa sas sasu sarl eurl snc sca scs scop sprl bvba srl srls spa sapa sl slu sau sc cv rl sab lda ltda eireli ei me "
    "eirl limitada cia "
    # Dutch and Nordic
    "bv nv vof vzw cvba ab aktiebolag hb kb oy oyj ky as asa ans aps ivs amba hf ehf "
    # Central and eastern Europe
    "zoo spzoo sp spolka sro spol akciova doo dd dooel ad ead ood eood kft zrt nyrt bt rt uab sia ou oue ooo oao zao "
    "pao pjsc ojsc jsc cjsc tov ae epe ike se scrl "
    # Asia and elsewhere
    "kk kabushiki kaisha kabushikigaisha zhushihuishe gk yk yugen godo kaisya youxiangongsi gongsi "
    "pt tbk cv persero jsfc sae sal saoc saog fze fzco fzc dmcc wll kscp kscc psc tas sirketi aktsiaselts"
)
# Two and three letters that stand before the name as well: OOO Gazprom, PT Telkom, UAB Girteka, AB Volvo.
LEGAL_BEFORE = _words("ooo oao zao pao pt uab sia tov ab as oy kk cv sc pjsc jsc")

# Nothing else, so they go wherever they stand but first.
LEGAL_ANYWHERE = _words("inc incorporated corp corporation llc ltd gmbh plc sarl pty pvt bhd sdn aps oyj")

# What is left out wherever it stands.
JOINERS = _words("the and und et og och of")
# What tells little: there or not.
SMALL = _words("de la le les des du der die das di del da do dos for van von in on at by el los las zum zur")

ABBREVIATIONS = {
    "intl": "international", "int": "international", "internatl": "international", "natl": "national",
    "nat": "national", "mfg": "manufacturing", "mfrs": "manufacturing", "manuf": "manufacturing",
    "bros": "brothers", "brother": "brothers", "gebr": "brothers", "gebruder": "brothers",
    "tech": "technology", "techs": "technology", "technologies": "technology", "technol": "technology",
    "technologys": "technology",
    "svcs": "service", "svc": "service", "serv": "service", "svs": "service", "services": "service",
    "sys": "system", "syst": "system", "systems": "system", "systemes": "system", "systeme": "system",
    "soln": "solution", "solns": "solution", "sols": "solution", "solutions": "solution",
    "grp": "group", "gp": "group", "gruppe": "group", "groupe": "group", "gruppo": "group", "grupo": "group",
    "groep": "group", "gruppen": "group", "groups": "group", "hldg": "holding", "hldgs": "holding",
    "hdg": "holding", "hlds": "holding", "holdings": "holding",
    "assoc": "associates", "assocs": "associates", "assn": "association",
    "univ": "university", "inst": "institute", "pharma": "pharmaceutical", "pharm": "pharmaceutical",
    "pharmaceuticals": "pharmaceutical", "pharmaceuticales": "pharmaceutical",
    "mgmt": "management", "mgt": "management", "mngt": "management", "eng": "engineering",
    "engg": "engineering", "engr": "engineering", "engrg": "engineering",
    "ind": "industry", "inds": "industry", "indus": "industry", "industries": "industry",
    "industrie": "industry", "dist": "distribution", "distr": "distribution", "telecom": "telecommunication",
    "telecoms": "telecommunication", "telecommunications": "telecommunication", "telco": "telecommunication",
    "tel": "telecommunication",
    "elec": "electric", "elect": "electric", "ctr": "center", "cntr": "center", "centre": "center",
    "hosp": "hospital", "saint": "st", "sankt": "st", "dept": "department", "govt": "government",
    "labs": "laboratory", "lab": "laboratory", "laboratories": "laboratory", "amer": "american",
    "ent": "enterprise", "ents": "enterprise", "enterprises": "enterprise", "entr": "enterprise",
    "fin": "financial", "finl": "financial", "ins": "insurance", "insur": "insurance", "prod": "product",
    "prods": "product", "products": "product", "partners": "partner", "ptnrs": "partner", "ptrs": "partner",
    "consult": "consulting", "comm": "communication", "comms": "communication",
    "communications": "communication", "prop": "property", "props": "property", "properties": "property",
    "transp": "transport", "trans": "transport", "transportation": "transport", "const": "construction",
    "constr": "construction", "cons": "construction", "chem": "chemical", "chems": "chemical",
    "chemicals": "chemical", "equip": "equipment", "res": "research", "dev": "development",
    "software": "software", "sw": "software", "inv": "investment", "invs": "investment",
    "investments": "investment", "cap": "capital", "mkt": "market", "mkts": "market", "markets": "market",
    "mktg": "marketing", "motors": "motor", "foods": "food", "stores": "store", "airways": "airline",
    "airlines": "airline", "lines": "line", "resources": "resource", "resorts": "resort", "hotels": "hotel",
    "brands": "brand", "electronics": "electronic", "logistic": "logistics", "materials": "material",
    "instruments": "instrument", "networks": "network", "works": "work", "1st": "first", "2nd": "second",
    "3rd": "third", "asscs": "associates", "associate": "associates", "co-op": "cooperative",
    "coop": "cooperative", "mktng": "marketing", "ntwk": "network", "ntwks": "network", "sci": "science",
    "sciences": "science", "pwr": "power", "petro": "petroleum", "hlth": "health", "med": "medical",
}  # fmt: skip

# Of a family of companies, not of one of them: may be there or not.
EMPTY = _words(
    "group holding international global worldwide enterprise company corporation konzern inter "
    "incorporated limited com online hq headquarters"
)
# A trade: says little alone, yet two names that differ in it are two companies.
TRADES = _words(
    "technology service system solution bank banking capital partner insurance assurance financial finance "
    "pharmaceutical manufacturing industry management engineering consulting software medical health healthcare "
    "energy power oil gas petroleum electric electronic electrical motor automotive food beverage foods retail store "
    "airline air line shipping marine logistics transport express freight rail railway construction building property "
    "realty estate investment trust fund asset advisors advisory associates association brothers sons university "
    "institute laboratory research development design studio media entertainment publishing press news communication "
    "telecommunication mobile wireless network networks digital data cloud security market marketing trading trade "
    "import export supply distribution product chemical plastics steel metal mining mineral resource water "
    "environmental waste paper packaging textile fashion apparel shoes jewelry cosmetics beauty hotel resort travel "
    "tours restaurant catering farm agriculture agro bio biotech biotechnology science life sciences dental clinic "
    "hospital care home school education training staffing recruitment legal law accounting tax audit insurance "
    "gaming games sport sports fitness music film video equipment machinery tool instrument semiconductor aerospace "
    "defense aviation space computer computing computers machine business office material brand group general first "
    "national united american new royal standard premier advanced modern city state community mutual savings credit "
    "union cooperative foundation society council center work works credit life fire casualty faucet bakery brewery "
    "coffee tea wine dairy meat fruit flower garden furniture wood glass ceramic cement concrete tyre tire auto car "
    "truck bus bike cycle boat ship port airport infrastructure smart green blue red white black gold silver big great "
    "best top one star sun king queen city world pacific atlantic continental summit pioneer liberty delta alpha "
    "omega sigma apex vertex"
)
COMPASS = _words(
    "north south east west northern southern eastern western northeast northwest southeast southwest "
    "central midwest upper lower nord sud ost"
)
REGIONS = _words(
    "europe european asia africa america americas emea apac latam nordic nordics benelux dach iberia mea middle "
    "oceania scandinavia gulf balkans baltics anz asean cee eu gcc international overseas deutschland france italia "
    "espana polska nederland brasil osterreich schweiz suisse svizzera norge sverige danmark suomi uk gb usa us uae "
    "england britain great scotland wales rossiya rus russia turkiye turkey korea vietnam czech magyarorszag hungaria "
    "romania hellas nippon zhongguo belgique belgie belgium ceska slovensko hrvatska portugal mexico bharat holland "
    "taiwan iran syria"
) - {"great", "international"}
CITIES = _words(
    "london paris berlin munich hamburg frankfurt vienna zurich geneva basel madrid barcelona lisbon rome milan turin "
    "brussels amsterdam rotterdam copenhagen stockholm oslo helsinki dublin edinburgh manchester birmingham leeds "
    "york boston chicago dallas houston austin denver seattle portland phoenix atlanta miami philadelphia detroit "
    "cleveland pittsburgh angeles francisco diego jose vegas toronto montreal vancouver sydney melbourne brisbane "
    "perth auckland tokyo osaka kyoto seoul beijing shanghai shenzhen guangzhou hongkong singapore mumbai delhi "
    "bangalore chennai dubai cairo lagos nairobi johannesburg istanbul ankara moscow warsaw krakow prague budapest "
    "bucharest athens lima bogota santiago jersey england county"
)
# Two words that are one place: no direction and no trade there.
PLACE_PAIRS = frozenset(
    tuple(pair.split())
    for pair in ("north america", "south america", "latin america", "central america", "asia pacific", "middle east",
                 "south africa", "south korea", "new zealand", "united states", "united kingdom", "eastern europe",
                 "western europe", "central europe", "southeast asia", "east africa", "west africa", "north africa")
)  # fmt: skip
_NOT_PLACES = _words(
    "and of the republic islands island state states united federation democratic people peoples saint part new "
    "american outer minor territory kingdom plurinational federated bolivarian province special administrative st "
    "army district columbia forces armed martin maarten pierre helena lucia vincent marino virgin christmas cook "
    "norfolk sandwich ocean french british dutch indian arab african islamic lao man isle"
)


@cache
def written_out() -> tuple[str, ...]:
    """Forms and trades that are long enough to be told in spite of a slip (Corporatoin)."""
    words = {word for word in (*LEGAL_FORMS, *ABBREVIATIONS, *TRADES, *EMPTY) if len(word) >= 7}
    return tuple(sorted(words))


@cache
def country_words() -> frozenset[str]:
    """Words that name a country or a region of the world: what a subsidiary adds to its parent's name."""
    names = [
        name
        for country in pycountry.countries
        for name in (country.name, getattr(country, "common_name", ""))
    ]
    return REGIONS | _words_of(names) | {"states", "kingdom"}


@cache
def local_words() -> frozenset[str]:
    """States, cities, directions: two companies may be told apart by nothing else."""
    states = [
        place.name for place in pycountry.subdivisions if place.country_code in ("US", "CA", "AU", "IN")
    ]
    return (COMPASS | CITIES | _words_of(states)) - country_words()


def _words_of(names: list[str]) -> frozenset[str]:
    words = {word for name in names for word in re.findall(r"[a-z]{4,}", anyascii(name).casefold())}
    return frozenset(words - _NOT_PLACES)


@cache
@lru_cache(maxsize=10_000)
def country_code(text: str) -> str:
    """ISO code of a country by code or name ("" where nothing is given, the text itself where unknown)."""
    word = text.strip()
    if not word:
        return ""
    try:
        return str(pycountry.countries.lookup({"UK": "GB", "USA": "US"}.get(word.upper(), word)).alpha_2)
    except LookupError:
        return word.casefold()
