"""Bytes → table: encodings, delimiters, ragged rows, and what is refused with which words."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.engine.imports import reading
from crm.engine.imports.reading import Unreadable, read_layout, read_table

UMLAUTS = "Name;Ort\nMüller;Köln\nGroß;Łódź\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"name,stage\n", "no rows"),
        (b"name,stage\n\n\n", "no rows"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"name,stage\nA\x00B,Won\n", "binary data"),
        (b"name,Name\na,b\n", "occurs more than once"),
        (b'name,stage\n"Acme,Won\nBeta,Lost\n', "row 2 is never closed"),
        (("," * 600 + "\n1\n").replace(",", "a,").encode(), "columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_table(content)


def test_an_excel_workbook_is_told_what_to_do() -> None:
    with pytest.raises(Unreadable, match="save the sheet as CSV"):
        read_layout(b"PK\x03\x04")


def test_limits_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 3)
    with pytest.raises(Unreadable, match="more than 3 rows"):
        read_table(b"name\n" + b"a\n" * 4)
    assert len(read_table(b"name,x\n" + b"a,b\n" * 3).frame) == 3
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    with pytest.raises(Unreadable, match="at most 0 MB"):
        read_layout(b"name,stage\nlonger than ten\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1250"])
def test_encodings_are_detected(encoding: str) -> None:
    content = UMLAUTS.encode(encoding)
    if encoding == "utf-16-le":
        content = b"\xff\xfe" + content
    table = read_table(content)
    assert table.layout.header == ("Name", "Ort")
    assert table.layout.delimiter == ";"
    if encoding != "cp1250":  # short texts of a code page are a guess; the user can choose another
        assert list(table.frame["Ort"]) == ["Köln", "Łódź"]


def test_western_european_text_is_read_as_such() -> None:
    rows = "".join(f"Müller {n};Köln;Straße – “{n}”\n" for n in range(30))
    table = read_table(("Name;Ort;Straße\n" + rows).encode("cp1252"))
    assert table.layout.encoding == "cp1252"
    assert table.frame.iloc[0].tolist() == ["Müller 0", "Köln", "Straße – “0”"]


def test_another_encoding_can_be_chosen_and_is_refused_where_it_cannot_be() -> None:
    content = "Name;Ort\nMüller;Köln\n".encode("latin-1")
    assert read_table(content, encoding="latin-1").frame["Ort"][0] == "Köln"
    with pytest.raises(Unreadable, match="not written in utf-8"):
        read_table(content, encoding="utf-8")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_detected(delimiter: str) -> None:
    lines = [["id", "name", "value"], ["1", "Acme", "3"], ["2", "Beta", "4"]]
    content = "\n".join(delimiter.join(line) for line in lines).encode()
    assert read_table(content).layout.delimiter == delimiter


def test_excels_first_line_names_the_delimiter() -> None:
    table = read_table(b"sep=;\nid;name\n1;a,b\n")
    assert table.frame["name"][0] == "a,b"
    assert table.rows == [3]


def test_ragged_rows_are_problems_with_their_row_numbers() -> None:
    table = read_table(b'id,name,stage\n1,Acme,Won\n2,Beta\n\n3,"two\nlines",Won,extra\n4,Gamma,Lost,,\n')
    assert [(one.row, one.reason) for one in table.problems] == [
        (3, "has 2 cells, but the header has 3 columns"),
        (5, "has 4 cells, but the header has 3 columns"),
    ]
    assert table.rows == [2, 3, 5, 6]
    assert list(table.frame["name"]) == ["Acme", "Beta", "two\nlines", "Gamma"]


def test_a_delimiter_at_the_end_of_every_line_adds_no_column() -> None:
    table = read_table(b"id;name;\n1;Acme;\n2;Beta;\n")
    assert table.layout.header == ("id", "name")
    assert table.problems == []


def test_a_sample_is_the_beginning() -> None:
    table = read_table(b"id,name\n" + b"".join(b"%d,x\n" % n for n in range(500)), limit=10)
    assert len(table.frame) == len(table.rows) == 10


cells = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x00"), max_size=12)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]]) -> None:
    rows = [["x" + row[0], *row[1:]] for row in rows]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["one", "two", "three"], *rows])
    table = read_table(out.getvalue().encode())
    if table.layout.delimiter == ",":
        assert table.frame.to_numpy().tolist() == rows


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(Unreadable):
        table = read_table(content)
        assert len(table.frame) == len(table.rows)
