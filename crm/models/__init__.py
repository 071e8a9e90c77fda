"""Records: accounts, contacts, opportunities, activities, products, words and their aliases, imports."""

from crm.models.account_owners import AccountOwnerChange, AccountTransfer, AccountTransferItem
from crm.models.accounts import Account, Contact, RegionLanguage
from crm.models.activities import Activity, ActivityKey
from crm.models.duplicates import DuplicateLink
from crm.models.fields import CustomField
from crm.models.imports import ImportFile, ImportMapping, ImportRun
from crm.models.matches import AccountChange, AccountMatch
from crm.models.money import ExchangeRate
from crm.models.opportunities import Assignment, Opportunity, StageChange
from crm.models.products import Product
from crm.models.words import Alias, DictionaryStamp, Term

__all__ = [
    "Account",
    "AccountChange",
    "AccountMatch",
    "AccountOwnerChange",
    "AccountTransfer",
    "AccountTransferItem",
    "Activity",
    "ActivityKey",
    "Alias",
    "Assignment",
    "Contact",
    "CustomField",
    "DictionaryStamp",
    "DuplicateLink",
    "ExchangeRate",
    "ImportFile",
    "ImportMapping",
    "ImportRun",
    "Opportunity",
    "Product",
    "RegionLanguage",
    "StageChange",
    "Term",
]
