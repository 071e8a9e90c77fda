"""Forms of notifications: a user's choices, the own chat address, a team's channel, and what narrows the ops list."""

from typing import Any

from django import forms

from reps.forms.records import RecordForm
from reps.models import Team, User
from routing.models import ByEmail, ChatChannel, Delivery, Notification, NotificationSettings, Weekday
from routing.queries.messages import TOPICS, MessageSearch
from routing.queries.notification_settings import CHANNEL_KINDS, kinds_for
from routing.services.notification_settings import ChannelInput

Kind = Notification.Kind
CHANNEL_WORDS = {
    Kind.ASSIGNED: "Somebody gets an opportunity",
    Kind.ASKED_AGAIN: "Somebody asks again about an opportunity",
    Kind.WAITING: "Something waits in the queue",
    Kind.CAPACITY: "A rep is over capacity",
    Kind.ACCOUNTS: "Named accounts change hands",
    Kind.CALENDARS: "A calendar cannot be read",
}
ADDRESS_HELP = (
    "The webhook’s address as Slack, Microsoft Teams, Google Chat or Discord shows it, or an address such as "
    "mmosts://chat.example.com/token (Mattermost), rockets://… (Rocket.Chat), tgram://… (Telegram)."
)


def weekdays(**kwargs: Any) -> forms.TypedMultipleChoiceField:
    return forms.TypedMultipleChoiceField(
        required=False, choices=Weekday.choices, coerce=int, widget=forms.CheckboxSelectMultiple, **kwargs
    )


def time_field(**kwargs: Any) -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.TimeField(widget=widget, **kwargs)


class NotificationSettingsForm(RecordForm):
    """What goes where by kind, quiet hours and the digest's time."""

    quiet_from = time_field(required=False, label="Quiet from")
    quiet_until = time_field(
        required=False, label="Quiet until", help_text="Past midnight where this is the earlier one."
    )
    quiet_days = weekdays(label="Quiet all day")
    digest_at = time_field(label="Digest at")
    digest_days = weekdays(label="Digest on", help_text="Without a day there is no digest.")
    marks_optional = False

    class Meta:
        model = NotificationSettings
        fields = (
            "quiet_from", "quiet_until", "quiet_days", "urgent_in_quiet", "digest_at", "digest_days"
        )  # fmt: skip
        labels = {"urgent_in_quiet": "Assignments also in quiet hours"}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kinds = kinds_for(user)
        for kind in self.kinds:
            self.fields[f"email_{kind}"] = forms.ChoiceField(
                label=f"{kind.label}: by email",
                choices=ByEmail.choices,
                initial=self.instance.by_email(kind),
            )
            self.fields[f"chat_{kind}"] = forms.BooleanField(
                label=f"{kind.label}: by chat", required=False, initial=self.instance.by_chat(kind)
            )

    def rows(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        """By kind: its words, email, chat."""
        return [(kind.label, self[f"email_{kind}"], self[f"chat_{kind}"]) for kind in self.kinds]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("quiet_from"), cleaned.get("quiet_until")
        if "quiet_from" in cleaned and "quiet_until" in cleaned:
            if (starts is None) != (ends is None):
                self.add_error("quiet_until", "Give both times, or none.")
            elif starts is not None and starts == ends:
                self.add_error("quiet_until", "This is the time at which they begin.")
        if len(set(cleaned.get("quiet_days", ()))) == len(Weekday):
            self.add_error("quiet_days", "Leave a day on which messages may come.")
        return cleaned

    def wishes(self) -> NotificationSettings:
        """What was chosen, for the service."""
        chosen = {
            str(kind): {
                "email": self.cleaned_data[f"email_{kind}"],
                "chat": self.cleaned_data[f"chat_{kind}"],
            }
            for kind in self.kinds
        }
        self.instance.choices = {**self.instance.choices, **chosen}
        found: NotificationSettings = self.instance
        return found


class ChatForm(forms.Form):
    """The own chat address. It is never shown again."""

    address = forms.CharField(
        max_length=1000,
        label="Chat address",
        help_text=ADDRESS_HELP,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ChatChannelForm(RecordForm):
    """A channel of a team. An empty address keeps the one that is stored."""

    address = forms.CharField(
        required=False,
        max_length=1000,
        label="Address",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    kinds = forms.MultipleChoiceField(
        label="What is posted",
        choices=[(kind.value, CHANNEL_WORDS[kind]) for kind in CHANNEL_KINDS],
        widget=forms.CheckboxSelectMultiple,
    )
    teams = forms.ModelMultipleChoiceField(
        Team.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: of all teams. Whoever reads the channel sees names of opportunities of these teams.",
    )
    marks_optional = False

    class Meta:
        model = ChatChannel
        fields = ("name", "kinds", "teams", "is_active")
        labels = {"is_active": "Post here"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.hint
        self.fields["address"].help_text = f"Empty keeps {stored}." if stored else ADDRESS_HELP
        self.order_fields(["name", "address", "kinds", "teams", "is_active"])

    @property
    def given(self) -> ChannelInput:
        values = self.cleaned_data
        return ChannelInput(
            name=values["name"],
            kinds=values["kinds"],
            teams=list(values["teams"]),
            is_active=values["is_active"],
            address=values.get("address", ""),
        )


class MessageFilter(forms.Form):
    """What the address may say of the list. What is malformed is ignored."""

    state = forms.ChoiceField(
        required=False,
        label="State",
        choices=[
            ("", "Any state"),
            ("waiting", "Waiting"),
            ("failing", "Waiting after a failure"),
            ("dead", "Given up"),
            ("delivered", "Delivered"),
            ("withheld", "Withheld"),
        ],
    )
    channel = forms.ChoiceField(
        required=False, label="Way", choices=[("", "Any way"), *Delivery.Channel.choices]
    )
    kind = forms.ChoiceField(
        required=False,
        label="What about",
        choices=[("", "About anything"), *Kind.choices, ("digest", "Digests")],
    )

    def search(self) -> MessageSearch:
        self.is_valid()
        chosen = self.cleaned_data
        return MessageSearch(
            channel=chosen.get("channel", ""), state=chosen.get("state", ""), kind=chosen.get("kind", "")
        )


class EventFilter(forms.Form):
    state = forms.ChoiceField(
        required=False,
        label="State",
        choices=[("", "Waiting and given up"), ("waiting", "Waiting"), ("dead", "Given up")],
    )
    topic = forms.ChoiceField(
        required=False,
        label="Event",
        choices=[("", "Any event"), *TOPICS.items()],
    )

    def search(self) -> tuple[str, str]:
        """State and topic."""
        self.is_valid()
        return self.cleaned_data.get("state", ""), self.cleaned_data.get("topic", "")
