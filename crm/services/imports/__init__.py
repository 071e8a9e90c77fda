"""Imports of exported files: opened (stored and understood), checked whole, then written in one transaction."""

from crm.services.imports.files import ImportRefused, open_run, save_mapping
from crm.services.imports.runs import check_run, import_files, write_run

__all__ = ["ImportRefused", "check_run", "import_files", "open_run", "save_mapping", "write_run"]
