"""Letters to people who may have no account yet, or cannot get into it: invitations, new passwords, what changed about
how somebody signs in. They are no notifications: nothing of them is shown in the page or read by others.

Django's own mail functions end here (`EMAIL_BACKEND`). A worker sends, so that neither a slow server nor the time that
an answer takes tells whether an account exists. What waits is sealed, since it holds links that let somebody in.
"""

import base64
import logging
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task, schedule

from reps.services.calendars.sealing import SealBroken, seal, unseal
from routing.engine.notices import retry_after
from routing.services.delivery.mail import Letter, MailLine
from routing.services.delivery.making import mail_server
from routing.services.delivery.outcome import NotSent, Refused

log = logging.getLogger(__name__)
JOB = "routing.jobs.send_letter"
MOST_TRIES = 8  # about an hour: links of it do not hold much longer


class EmailBackend(BaseEmailBackend):
    """Hands over to the worker; without a mail server nothing is sent, and the pages say so."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if not settings.MAIL_URL:
            return 0
        letters = [
            Letter(uuid.uuid4(), to, "", str(message.subject), str(message.body))
            for message in email_messages
            for to in message.to
        ]
        for letter in letters:
            async_task(JOB, sealed(letter), 1, group="letters")
        return len(letters)


def sealed(letter: Letter) -> str:
    fields = {"key": str(letter.key), "to": letter.to, "subject": letter.subject, "body": letter.body}
    return base64.b64encode(seal(fields)).decode()


def send_letter(*, content: str, tries: int) -> bool:
    """Whether it went out. What the server does not take now is tried again later."""
    try:
        fields = unseal(base64.b64decode(content))
    except SealBroken:
        log.warning("a letter was sealed with another SECRET_KEY and is dropped")
        return False
    key = uuid.UUID(fields["key"])
    letter = Letter(key, fields["to"], "", fields["subject"], fields["body"])
    try:
        with MailLine(mail_server()) as line:
            line.send(letter)
    except Refused as error:
        log.warning("a letter was refused: %s", error)
        return False
    except NotSent as error:
        log.warning("a letter could not be sent (attempt %s): %s", tries, error)
        if tries < MOST_TRIES:
            later = timezone.now() + retry_after(tries, key)
            schedule(JOB, content, tries + 1, schedule_type=Schedule.ONCE, next_run=later)
        return False
    return True
