"""Backups of the whole database, and what is made of one again (docs/backup.md)."""

from operations.services.backups.files import BackupError
from operations.services.backups.making import back_up, make_backup
from operations.services.backups.restoring import restore

__all__ = ["BackupError", "back_up", "make_backup", "restore"]
