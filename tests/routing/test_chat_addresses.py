"""Which chat addresses are taken: whatever is typed is an address of a known chat or is refused in words."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.services.delivery.chat import OWN_HOST, PLAIN, SERVICES, BadAddress, check_host, read_address
from routing.services.delivery.outcome import NotSent, Refused
from tests.routing.receivers import TOKEN

ODD = st.text(st.sampled_from("abc123/:@?#&=+;%[]{}.,-_~$!*\\'\"é"), max_size=60)


@given(st.sampled_from([*SERVICES, "https", "http", "json", "file", ""]), ODD)
def test_whatever_is_typed_is_taken_or_refused(schema: str, rest: str) -> None:
    try:
        found = read_address(f"{schema}://{rest}", allows_private=False)
    except BadAddress:
        return
    assert found.service in SERVICES.values()
    assert schema not in PLAIN


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        (
            "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
            "Slack, ending in …i7FQ",
        ),
        (
            "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
            "Discord, ending in …V_js",
        ),
        (
            "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=kkk&token=ttt",
            "Google Chat, ending in …ages",
        ),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "Telegram, ending in …5544"),
        (f"mmosts://chat.example.com:8443/{TOKEN}", "Mattermost at chat.example.com:8443, ending in …3dd4"),
    ],
)
def test_addresses_as_the_chats_show_them(address: str, hint: str) -> None:
    assert read_address(address, allows_private=False).hint == hint


@pytest.mark.parametrize(
    "answers", [["10.0.0.5"], ["93.184.215.14", "127.0.0.1"], ["::1"], ["169.254.169.254"]]
)
def test_one_private_answer_refuses_a_name(answers: list[str]) -> None:
    with pytest.raises(Refused, match="is in a private network"):
        check_host("chat.example.com", 443, allows_private=False, resolved=lambda *_: answers)
    check_host("chat.example.com", 443, allows_private=True, resolved=lambda *_: answers)


def test_public_answers_pass_and_no_answer_is_tried_again() -> None:
    check_host("chat.example.com", 443, allows_private=False, resolved=lambda *_: ["93.184.215.14"])

    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror

    with pytest.raises(NotSent) as error:
        check_host("chat.example.com", 443, allows_private=False, resolved=nobody)
    assert not isinstance(error.value, Refused)


def test_every_service_with_a_host_of_its_own_is_checked() -> None:
    from apprise.plugins import N_MGR

    takes_host = {name for name in SERVICES if "host" in N_MGR[name].template_tokens}
    assert takes_host == OWN_HOST
