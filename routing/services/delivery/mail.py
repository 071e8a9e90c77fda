"""Email through the organisation's mail server.

MAIL_URL is read by apprise, which knows the servers, ports and encryption of the usual providers. The message itself
is made and sent with Python's own library: apprise tells a refusal for good (5xx) from "not now" (4xx) in its log only,
and makes a Message-ID of its own each time, so that a repeat could not be told.
"""

import contextlib
import smtplib
import ssl
import uuid
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

from django.utils import timezone

from routing.services.delivery.outcome import NotSent, Refused

TIMEOUT_SECONDS = 15.0  # for each answer of the server
FROM_NAME = "Predictive Routing"
PERMANENT = range(500, 600)


class MailMisconfigured(Exception):
    """MAIL_URL is set and names no mail server."""


@dataclass(frozen=True)
class MailServer:
    host: str
    port: int
    security: str  # insecure, starttls, ssl
    sender: str
    sender_name: str = FROM_NAME
    user: str = ""
    password: str = field(default="", repr=False)
    verifies: bool = True

    @classmethod
    def from_url(cls, url: str) -> "MailServer | None":
        """None where nothing is set. Raises MailMisconfigured."""
        if not url:
            return None
        from apprise import Apprise  # half a second, which only those who send should spend
        from apprise.plugins.email import NotifyEmail

        found: Any = Apprise.instantiate(url) if url.startswith(("mailto://", "mailtos://")) else None
        if not isinstance(found, NotifyEmail) or not found.smtp_host:
            raise MailMisconfigured(
                "MAIL_URL names no mail server. It looks like mailtos://user:password@smtp.example.com:587?from=…"
            )
        name, address = (str(part or "") for part in found.from_addr)
        security = str(found.secure_mode)
        return cls(
            host=found.smtp_host,
            port=found.port or {"ssl": 465, "starttls": 587}.get(security, 25),
            security=security,
            sender=address,
            sender_name=name if name and name != found.app_id else FROM_NAME,
            user=found.user or "",
            password=found.password or "",
            verifies=found.verify_certificate,
        )


@dataclass(frozen=True)
class Letter:
    """One email in plain text. `key` makes its Message-ID."""

    key: uuid.UUID
    to: str
    to_name: str
    subject: str
    body: str


class MailLine:
    """A connection to the mail server, opened with the first letter and used for those that follow."""

    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.connection: smtplib.SMTP | None = None

    def __enter__(self) -> "MailLine":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, letter: Letter) -> None:
        """Raises NotSent, Refused."""
        connection = self._connected()
        try:
            connection.send_message(_message(letter, self.server), self.server.sender, [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise _refusal(code, answer, f"The mail server does not take mail for {letter.to}") from error
        except smtplib.SMTPSenderRefused as error:  # our address is set up wrongly, which somebody can mend
            self._close()
            raise NotSent(
                f"The mail server does not let us send as {self.server.sender}: {error.smtp_code}."
            ) from error
        except smtplib.SMTPResponseException as error:
            self._close()
            raise _refusal(
                error.smtp_code, error.smtp_error, "The mail server does not take the message"
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            raise NotSent(f"The mail server {self.server.host} broke off.", is_unreachable=True) from error

    def _connected(self) -> smtplib.SMTP:
        if self.connection is None:
            try:
                self.connection = self._connect()
            except smtplib.SMTPAuthenticationError as error:
                raise NotSent(
                    f"The mail server {self.server.host} does not accept our user name and password.",
                    is_unreachable=True,
                ) from error
            except ssl.SSLError as error:
                raise NotSent(
                    f"No safe connection to the mail server {self.server.host}.", is_unreachable=True
                ) from error
            except (OSError, smtplib.SMTPException) as error:
                raise NotSent(
                    f"The mail server {self.server.host} could not be reached.", is_unreachable=True
                ) from error
        return self.connection

    def _connect(self) -> smtplib.SMTP:
        server = self.server
        context = ssl.create_default_context()
        if not server.verifies:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: smtplib.SMTP
        if server.security == "ssl":
            connection = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
        try:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user and server.password:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        if self.connection is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self.connection.quit()
            self.connection = None


def _message(letter: Letter, server: MailServer) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(letter.subject.split())
    message["From"] = formataddr((server.sender_name, server.sender))
    message["To"] = formataddr((letter.to_name, letter.to))
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = f"<{letter.key}@{server.sender.rpartition('@')[2]}>"
    message["X-Notification-Key"] = str(letter.key)
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's out-of-office note answers
    message.set_content(letter.body)
    return message


def _refusal(code: int, answer: bytes | str, what: str) -> NotSent:
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    text = f"{what}: {code} {' '.join(said.split())[:200]}"
    return Refused(text) if code in PERMANENT else NotSent(text)
