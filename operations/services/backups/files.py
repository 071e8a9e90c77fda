"""One backup in one file: a zip with `database.dump` (PostgreSQL's custom format) and `manifest.json`, written last.

A file under its own name is whole: it is written under another, flushed to the disk, and renamed.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives import hashes, hmac
from django.conf import settings

FORMAT = 1
DUMP, MANIFEST = "database.dump", "manifest.json"
PIECE = 1 << 20
Say = Callable[[str], None]


class BackupError(Exception):
    """It cannot be backed up or restored; the message says why. What was there before is as it was."""


@dataclass(frozen=True)
class Manifest:
    """`migrations`: by app, all that were applied. `rows`: by table, at the moment of the dump. `key`: by which the
    same SECRET_KEY is known again, which itself is not in the backup."""

    format: int
    version: str
    made_at: str
    server_major: int
    migrations: dict[str, list[str]]
    rows: dict[str, int]
    key: str
    dump_bytes: int
    dump_sha256: str


def key_mark() -> str:
    made = hmac.HMAC(settings.SECRET_KEY.encode(), hashes.SHA256())
    made.update(b"predictive-routing backup")
    return made.finalize().hex()[:16]


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when the block ends well, and is gone where it does not. Raises BackupError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds people
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise BackupError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(
    file: IO[bytes], dump: IO[bytes], manifest: Callable[[int, str], Manifest], progress: Say
) -> Manifest:
    """Takes the dump from a pipe; `manifest` is asked for with its size and digest."""
    digest, size = hashlib.sha256(), 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(DUMP, "w", force_zip64=True) as out:
            while piece := dump.read(PIECE):
                out.write(piece)
                digest.update(piece)
                if (size + len(piece)) // (100 * PIECE) > size // (100 * PIECE):
                    progress(f"{(size + len(piece)) // PIECE:,} MB")
                size += len(piece)
        made = manifest(size, digest.hexdigest())
        archive.writestr(MANIFEST, json.dumps(asdict(made), indent=1))
    return made


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, zipfile.ZipFile]]:
    """Raises BackupError for what is no backup, or not of a format that is known here."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield _manifest(archive), archive
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise BackupError(f"{path} is no whole backup ({error}).") from error


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    found: dict[str, Any] = json.loads(archive.read(MANIFEST))
    if found.get("format") != FORMAT:
        raise BackupError(
            f"The backup has format {found.get('format')}, and this version knows {FORMAT} only."
        )
    return Manifest(**found)


def check_whole(manifest: Manifest, archive: zipfile.ZipFile) -> None:
    """Reads all of the dump. Raises BackupError where it is not what was written."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces(archive):
        digest.update(piece)
        size += len(piece)
    if (size, digest.hexdigest()) != (manifest.dump_bytes, manifest.dump_sha256):
        raise BackupError("The backup is damaged: its content is not what its checksum says.")


def pieces(archive: zipfile.ZipFile) -> Iterator[bytes]:
    with archive.open(DUMP) as dump:
        while piece := dump.read(PIECE):
            yield piece
