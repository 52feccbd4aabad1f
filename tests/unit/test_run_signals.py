"""Being asked to end, once and again."""

import signal

import pytest

from services.console.run_signals import SAME_SECONDS, Signals, Stopped


def test_a_request_wakes_who_waits() -> None:
    with Signals() as signals:
        signal.raise_signal(signal.SIGTERM)
        assert signals.wait(60)
        assert signals.requests == 1


def test_the_same_signal_passed_on_is_one_request() -> None:
    """make and timeout both pass on what the terminal sent to the whole group."""
    with Signals() as signals:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert signals.requests == 1


def test_a_later_signal_is_a_further_request(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 10.0 + SAME_SECONDS])
    monkeypatch.setattr("services.console.run_signals.time.monotonic", lambda: next(times))
    with Signals() as signals:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert signals.requests == 2


def test_a_place_is_left_at_its_request_and_not_before() -> None:
    with Signals() as signals, signals.leaving_at(2):
        signals.ask()
        with pytest.raises(Stopped):
            signals.ask()


def test_a_place_is_not_entered_after_its_request() -> None:
    with Signals() as signals:
        signals.ask()
        with pytest.raises(Stopped), signals.leaving_at(1):
            pytest.fail("entered")


def test_cleaning_up_is_not_cut_short() -> None:
    with Signals() as signals:
        with signals.leaving_at(1):
            pass
        signals.ask()
        signals.ask()
    assert signals.requests == 2


def test_the_handlers_before_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert signals.requests == 0
    finally:
        signal.signal(signal.SIGHUP, before)
