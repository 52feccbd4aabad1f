"""What the window remembers, and for how long."""

from schemas.changelog import SeenRecord, decode, encode
from services.router.window import Seen, Window

DAY = 86_400


def test_the_same_content_again_is_the_same_and_other_content_is_other() -> None:
    window = Window(45 * DAY)
    assert window.admit(b"a:1", 7, 1000) is Seen.NEW
    assert window.admit(b"a:1", 7, 1001) is Seen.SAME
    assert window.admit(b"a:1", 8, 1002) is Seen.OTHER
    assert window.admit(b"a:2", 8, 1002) is Seen.NEW


def test_an_identity_is_remembered_to_the_last_second_of_the_horizon_and_no_longer() -> None:
    window = Window(10)
    window.admit(b"a:1", 7, 1000)
    assert window.admit(b"a:1", 7, 1010) is Seen.SAME
    assert window.admit(b"a:1", 7, 1011) is Seen.NEW
    assert window.admit(b"a:1", 7, 1021) is Seen.SAME, "it is remembered from its new first time"


def test_forgetting_takes_the_old_and_leaves_what_was_seen_again() -> None:
    window = Window(10)
    for number in range(5):
        window.admit(b"%d:1" % number, 1, 1000)
    window.admit(b"0:1", 1, 1011)
    assert window.forget_old(1011) == 4
    assert len(window) == 1
    assert window.admit(b"0:1", 1, 1012) is Seen.SAME


def test_counts_run_on_from_the_changelog() -> None:
    window = Window(10)
    window.apply(SeenRecord({}, {"q": 41}, 7, 1000))
    assert window.count("q") == 42
    assert [window.count("r"), window.count("r")] == [1, 2]
    assert window.take_changes() == ([], {"q": 1, "r": 2})
    assert window.counts == {"q": 42, "r": 2}
    assert window.take_changes() == ([], {})
    assert window.next_offset == 7


def test_a_window_read_back_knows_what_the_one_before_knew() -> None:
    first, second = Window(45 * DAY), Window(45 * DAY)
    for number in range(1000):
        first.admit(b"%d:1" % number, number, 1000)
        first.count(f"q{number % 7}")
    seen, _ = first.take_changes()
    for value in encode(seen, first.counts, 12, 1000):
        second.apply(decode(value))
    assert [second.admit(b"%d:1" % n, n, 1001) for n in range(1000)] == [Seen.SAME] * 1000
    assert (second.counts, second.next_offset) == (first.counts, 12)


def test_a_digest_of_another_version_is_equal_to_none() -> None:
    window = Window(10)
    window.apply(SeenRecord({b"a:1": None}, {}, 1, 1000))
    assert window.admit(b"a:1", 0, 1001) is Seen.OTHER, "a conflict is seen by somebody; a duplicate is dropped"
