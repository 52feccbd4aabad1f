"""The notifier's settings: what would fail with every message is refused at the start."""

import pytest

from services.notifier.settings import NotifierSettings
from services.runtime.exits import WrongUse
from services.runtime.settings import read

SMTP_FROM = "REFERRAL_NOTIFIER_SMTP_FROM"
REFUSED = (
    'o"p@police.example', "a..b@police.example", "öps@police.example", "ops@pölice.example", "ops(x)@police.example",
    "ops@police.example;x", "ops@[::1]", "ops", "Ops <ops@police.example>", "ops@police.example\n",
    f"{'o' * 65}@police.example",
)  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_a_sender_whom_no_mail_can_come_from_is_refused(address: str) -> None:
    with pytest.raises(WrongUse) as refusal:
        read(NotifierSettings, {SMTP_FROM: address})
    expected = "expected an address such as referrals@police.example, in ASCII and without a name"
    assert str(refusal.value) == f"{SMTP_FROM}: found {address!r}; {expected}"


@pytest.mark.parametrize("address", ["ops@police.example", "o'ps+night@mail-1.police.example", "ops@localhost"])
def test_a_bare_address_is_a_sender(address: str) -> None:
    assert read(NotifierSettings, {SMTP_FROM: address}).smtp_from == address
