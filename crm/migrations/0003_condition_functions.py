"""The SQL side of the condition language: values as `crm.engine.conditions.normalise` has them.

`crm_folded` is `text.strip().casefold() or None`, character by character as Python does it: PostgreSQL's own `lower`
knows neither "ß" = "ss" nor the same letters on every server (locale and version decide), so the mapping is written
out from Python's. Folding looks at one character at a time and what Unicode once assigned never folds otherwise later;
a newer Python knows no more than some letters that were encoded since this migration ran.

The functions on jsonb read a custom field as one type and give NULL for a value of another.
"""

import sys
from typing import Any

from django.db import migrations

FOLDED = """
CREATE FUNCTION crm_folded_widely(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    folded text := replace(lower(btrim(given, '{spaces}') COLLATE "C"), 'ß', 'ss');
BEGIN
    IF folded COLLATE "C" !~ '[{single}{several}]' THEN RETURN folded; END IF;
    IF folded COLLATE "C" ~ '[{several}]' THEN folded := {replaced}; END IF;
    IF folded COLLATE "C" !~ '[^\\x01-\\u024f]' THEN RETURN translate(folded, '{latin}', '{latin_folded}'); END IF;
    RETURN translate(folded, '{single}', '{single_folded}');
END $$;

-- Simple enough that the planner writes it into the query; nearly all text is plain ASCII.
CREATE FUNCTION crm_folded(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif(
        CASE WHEN octet_length(given) = length(given) THEN lower(btrim(given, '{ascii_spaces}') COLLATE "C")
             ELSE crm_folded_widely(given) END,
        '')
$$;
"""

TYPED = r"""
CREATE FUNCTION crm_text_of(given jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(given) = 'string' THEN crm_folded(given #>> '{}') END
$$;

-- Bounds of conditions lie within 1e15: what no double holds may stand at 1e300.
CREATE FUNCTION crm_number_of(given jsonb) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(given) = 'number'
                THEN least(greatest(given::numeric, -1e300), 1e300)::float8 END
$$;

CREATE FUNCTION crm_boolean_of(given jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(given) = 'boolean' THEN given::boolean END
$$;

-- YYYY-MM-DD of a day there is, which sorts as the day does; a cast would fail on the others.
CREATE FUNCTION crm_day_of(given jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(crm_text_of(given) FROM '^((?!0000)(?:'
        '[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)'
        '|02-(?:0[1-9]|1[0-9]|2[0-8]))'
        '|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29))$')
$$;

CREATE FUNCTION crm_is_given(given jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(given)
        WHEN 'string' THEN crm_folded(given #>> '{}') IS NOT NULL
        WHEN 'array' THEN jsonb_array_length(given) > 0
        WHEN 'number' THEN true
        WHEN 'boolean' THEN true
        ELSE false END
$$;
"""

BACKWARD = """
DROP FUNCTION crm_is_given(jsonb);
DROP FUNCTION crm_day_of(jsonb);
DROP FUNCTION crm_boolean_of(jsonb);
DROP FUNCTION crm_number_of(jsonb);
DROP FUNCTION crm_text_of(jsonb);
DROP FUNCTION crm_folded(text);
DROP FUNCTION crm_folded_widely(text);
"""

BEYOND_LATIN = 0x250


def folded_sql() -> str:
    """FOLDED with the letters of this Python: about 1,300 that fold to one letter and 100 that fold to several."""
    characters = [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    folding = [c for c in characters if not c.isascii() and c.casefold() != c]
    single = [c for c in folding if len(c.casefold()) == 1]
    several = [c for c in folding if len(c.casefold()) > 1]
    latin = [c for c in single if ord(c) < BEYOND_LATIN]
    spaces = "".join(c for c in characters if c.isspace())
    replaced = "folded"
    for c in several:
        replaced = f"replace({replaced}, '{c}', '{c.casefold()}')"
    return FOLDED.format(
        spaces=spaces,
        ascii_spaces="".join(c for c in spaces if c.isascii()),
        single="".join(single),
        single_folded="".join(c.casefold() for c in single),
        several="".join(several),
        latin="".join(latin),
        latin_folded="".join(c.casefold() for c in latin),
        replaced=replaced,
    )


def create(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(folded_sql(), params=None)
    schema_editor.execute(TYPED, params=None)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(BACKWARD, params=None)


class Migration(migrations.Migration):
    dependencies = [("crm", "0002_initial")]
    operations = [migrations.RunPython(create, drop)]
