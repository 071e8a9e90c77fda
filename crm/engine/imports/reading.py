"""Bytes of an exported table → a frame of texts: encoding, delimiter, header, rows that are too long or too short.

What is no table at all is refused with a sentence that says what it is and what to do (`Unreadable`). Row numbers are
those that a spreadsheet shows: the header is row 1, and a cell with line breaks is still one row.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd
from charset_normalizer import from_bytes

MAX_BYTES = 100 * 2**20
MAX_ROWS = 1_000_000
MAX_COLUMNS = 250
MAX_CELL = 1_000_000  # characters; one longer than this is a quote that nobody closed
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
OUR_COLUMNS = ("import_row", "import_field", "import_reason")  # what our own file of bad rows adds

SIGNATURES = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"Rar!", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed file"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a database"),
)
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-32",
    "cp1252",
    "latin-1",
    "cp1250",
    "cp1251",
    "iso8859-15",
    "mac_roman",
)
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")

csv.field_size_limit(MAX_CELL)


class Unreadable(Exception):
    """The file is not a table that can be imported; the message is for people."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one cell (or, with field "", with the whole row)."""

    row: int
    field: str
    value: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """How a file is written."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """`frame` holds texts, one column for each of `layout.header`; `rows` the spreadsheet's number of each row."""

    layout: Layout
    frame: pd.DataFrame
    rows: list[int]
    problems: list[Problem] = field(default_factory=list)


def refuse_foreign(content: bytes) -> None:
    """Raises Unreadable for what is too large, empty or obviously another kind of file."""
    if len(content) > MAX_BYTES:
        raise Unreadable(
            f"The file has {len(content) / 2**20:,.0f} MB; at most {MAX_BYTES // 2**20} MB (and {MAX_ROWS:,} rows) "
            "can be imported at once. Split it into several files."
        )
    if not content.strip():
        raise Unreadable("The file is empty.")
    for signature, what in SIGNATURES:
        if content.startswith(signature):
            raise Unreadable(f"This is {what}, not a CSV. {_advice(what)}")


def _advice(what: str) -> str:
    if "Excel" in what:
        return "Open it, choose “Save as”, and save the sheet as CSV (UTF-8) first."
    return "Export the table as CSV first."


def detect_encoding(content: bytes) -> str:
    """By byte order mark, else UTF-8 where it decodes, else the likeliest of the Western and Eastern code pages."""
    marked = next((encoding for mark, encoding in MARKS if content.startswith(mark)), None)
    if marked:
        return marked
    if b"\0" in content[:100_000]:
        raise Unreadable(
            "The file contains binary data (NUL bytes), so it is not a CSV. Export the table as CSV first."
        )
    try:
        content.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    lines = content.splitlines()[:20_000]
    telling = b"\n".join(line for line in lines if not line.isascii())[:50_000] or content[:50_000]
    matches = list(from_bytes(telling, cp_isolation=["cp1252", "cp1250", "cp1251", "mac_roman"]))
    likely = [match.encoding for match in matches if match.chaos <= matches[0].chaos]
    alike = not likely or telling.decode(likely[0], "replace") == telling.decode("cp1252", "replace")
    return "cp1252" if alike or "cp1252" in likely else likely[0]


def decode(content: bytes, encoding: str) -> str:
    """The text, with line breaks as \\n. Raises Unreadable where the bytes are not of that encoding."""
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        if encoding == "cp1252":
            text = content.decode("latin-1")  # five bytes that cp1252 leaves open
        else:
            raise Unreadable(
                f"The file is not written in {encoding}. Choose another encoding, or save it as UTF-8."
            ) from None
    if "\0" in text:
        raise Unreadable(
            "The file contains binary data (NUL bytes), so it is not a CSV. Export the table as CSV first."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def detect_delimiter(text: str) -> str:
    """The one that splits the first rows into the most columns, alike in all of them."""
    sample = text[:200_000]
    lead = re.match(r"sep=(.)\n", sample, re.IGNORECASE)
    if lead:
        return lead[1]
    best, found = ",", (0, 0)
    for delimiter in DELIMITERS:
        widths = [
            len(record) for _, record in zip(range(60), _records(sample, delimiter), strict=False) if record
        ]
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths[:-1] or widths), widths[0])
        if score > found:
            best, found = delimiter, score
    return best


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error:
        return


def _without_lead(text: str) -> tuple[str, int]:
    """The text without a first line `sep=;` (Excel writes one), and the number of lines taken."""
    lead = re.match(r"sep=.\n", text, re.IGNORECASE)
    return (text[lead.end() :], 1) if lead else (text, 0)


def read_layout(content: bytes, *, encoding: str = "", delimiter: str = "") -> Layout:
    """Encoding, delimiter and header of a file; reads no further than it must. Raises Unreadable."""
    refuse_foreign(content)
    encoding = encoding or detect_encoding(content)
    text = decode(content, encoding)
    delimiter = delimiter or detect_delimiter(text)
    return Layout(encoding, delimiter, _header(_without_lead(text)[0], delimiter))


def _header(text: str, delimiter: str) -> tuple[str, ...]:
    first = next(
        (record for record in _records(text, delimiter) if any(cell.strip() for cell in record)), None
    )
    if first is None:
        raise Unreadable("The file has no header row.")
    names = [" ".join(_CONTROL.sub("", cell).split()) for cell in first]
    while names and not names[-1]:
        names.pop()  # a delimiter at the end of every line
    if not names:
        raise Unreadable("The file has no header row.")
    if len(names) > MAX_COLUMNS:
        raise Unreadable(
            f"The file has {len(names):,} columns; at most {MAX_COLUMNS} can be read. Is this a CSV?"
        )
    names = [name or f"Column {place}" for place, name in enumerate(names, start=1)]
    twice = sorted(
        {name for name in names if [other.casefold() for other in names].count(name.casefold()) > 1}
    )
    if twice:
        raise Unreadable(
            f"The column “{twice[0]}” occurs more than once in the header. Rename one of them, so that it is "
            "clear which is meant."
        )
    if len(names) == 1 and len(names[0]) > 120:
        raise Unreadable(
            "This is a text, not a table: its first line has no columns. Export the table as CSV first."
        )
    return tuple(names)


def read_table(content: bytes, *, encoding: str = "", delimiter: str = "", limit: int | None = None) -> Table:
    """All rows (or the first `limit`) as texts. Rows with too many or too few cells are problems, not refusals.

    Raises Unreadable: no rows, too many rows, another encoding, a quote that is never closed.
    """
    layout = read_layout(content, encoding=encoding, delimiter=delimiter)
    text, lead = _without_lead(decode(content, layout.encoding))
    widths, is_clean = _widths(text, layout.delimiter, lead, limit)
    wanted = len(layout.header)
    header_at = next(place for place, width in enumerate(widths) if width)
    body = widths[header_at + 1 :]
    if not any(body):
        raise Unreadable("The file has a header but no rows.")
    even = is_clean and header_at == 0 and all(width == wanted for width in widths)
    records = None if even else _repaired(text, layout, header_at, limit)
    frame = _parse(text if even else _written(records or []), layout, even=even, limit=limit)
    filled = [(header_at + 2 + place + lead, width) for place, width in enumerate(body) if width][
        : len(frame)
    ]
    rows = [row for row, _ in filled]
    problems = [
        Problem(row, "", "", f"has {width} cells, but the header has {wanted} columns")
        for row, width in filled
        if width != wanted
    ]
    if not even:
        problems = [
            problem for problem in problems if problem.row not in _only_empty_beyond(text, layout, lead)
        ]
    return Table(layout, frame, rows, problems)


def _widths(text: str, delimiter: str, lead: int, limit: int | None) -> tuple[list[int], bool]:
    """The number of cells of every record, 0 for an empty line; and whether quotation marks stand where they should."""
    widths: list[int] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            widths.append(len(record) if any(record) else 0)
            if len(widths) > MAX_ROWS + 1:
                raise Unreadable(
                    f"The file has more than {MAX_ROWS:,} rows, the most that can be imported at once."
                )
            if limit is not None and len(widths) > limit + 5:
                return widths, True
    except csv.Error as error:
        if "unexpected end" in str(error) or "field larger" in str(error):
            raise Unreadable(
                f"A quotation mark that opens in row {len(widths) + 1 + lead} is never closed. Close it, or write "
                "quotation marks inside a cell twice."
            ) from None
        return [len(record) if any(record) else 0 for record in _records(text, delimiter)], False
    return widths, True


def _repaired(text: str, layout: Layout, header_at: int, limit: int | None) -> list[list[str]]:
    """The records below the header, without empty lines, each cut or filled to the header's width."""
    wanted = len(layout.header)
    found: list[list[str]] = []
    for place, record in enumerate(_records(text, layout.delimiter)):
        if place > header_at and any(record):
            found.append((record + [""] * wanted)[:wanted])
        if limit is not None and len(found) >= limit + 5:
            break
    return found


def _only_empty_beyond(text: str, layout: Layout, lead: int) -> set[int]:
    """Rows whose cells beyond the header's width are all empty: a delimiter at the end of the line, nothing lost."""
    wanted = len(layout.header)
    return {
        place + 1 + lead
        for place, record in enumerate(_records(text, layout.delimiter))
        if len(record) > wanted and not any(cell.strip() for cell in record[wanted:])
    }


def _written(records: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(records)
    return out.getvalue()


def _parse(text: str, layout: Layout, *, even: bool, limit: int | None) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(text),
        sep=layout.delimiter if even else ",",
        header=0 if even else None,
        names=list(layout.header),
        dtype=object,
        keep_default_na=False,
        na_filter=False,
        skip_blank_lines=False,
        index_col=False,
        engine="c",
        nrows=limit,
    )
