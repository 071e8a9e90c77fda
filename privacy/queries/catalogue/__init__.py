"""The catalogue of personal data: every text of every table, whose it may be, and what becomes of it.

`TABLES` is what erasing, exporting and docs/privacy.md are made of, and a test walks all models and all tables of the
database, so that a new column cannot be forgotten. What has fixed choices says nothing of a person and is left out.
"""

from privacy.queries.catalogue.libraries import LIBRARIES
from privacy.queries.catalogue.people import PEOPLE
from privacy.queries.catalogue.records import RECORDS
from privacy.queries.catalogue.routing import ROUTING
from privacy.queries.catalogue.tables import Gone, Linked, Table

TABLES: tuple[Table, ...] = (*RECORDS, *ROUTING, *PEOPLE, *LIBRARIES)

# Tables that no model describes.
WITHOUT_MODEL = {
    "cache_entries": "what the sign-in counts for minutes; what names the person is deleted",
    "django_migrations": "nothing personal",
}

__all__ = ["TABLES", "WITHOUT_MODEL", "Gone", "Linked", "Table"]
