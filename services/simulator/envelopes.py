"""An endless, repeatable stream of records as partners send them. Pure: the clock is an argument.

`Referrals(seed, year, mix, start_ms, partners)` gives the same bytes for the same arguments. Each record carries
its intent (`services.simulator.intents`), so that whoever sends them knows what must come out.
"""

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from policy.partners import Partner
from schemas.codes import Action, RejectReason
from schemas.countries import UNKNOWN, settle
from services.simulator import flaws, intents
from services.simulator.drafts import Draft, Headers
from services.simulator.mix import EXCLUSIVE, Mix
from services.simulator.source import Sent, Source, sources_of
from services.simulator.stamps import DAY, HOUR, MINUTE, ZONES, stamp, stamp_ms

_RESENT_AFTER: Final = 200
"""Records between a rejected report and its corrected version."""
_NEAR: Final = 64
"""Half of what repeats an earlier record repeats one of the last so many, as a retry does."""
_AGAIN: Final = 4
"""The first of the acts need an earlier referral."""
_KEPT_DAYS: Final = (60, 90, 180, 365)
"""Where a partner says when a referral expires."""
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_LONG_AGO_MS: Final = 946_684_800_000 + DAY
EARLIEST_MS: Final = 978_307_200_000


class Record(NamedTuple):
    """One record for a partner's ingress topic, and what the router must make of it."""

    partner: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    intent: str


class Referrals:
    """Iterate for `Record`s, without end. `clock` gives Unix milliseconds; without it, time stands still at the start.

    Raises ValueError without a partner, for a year that the table does not hold, and for a start before 2001:
    what is reported has happened before, and nothing before 2000 is taken in.
    """

    def __init__(
        self,
        seed: int,
        year: int,
        mix: Mix,
        start_ms: int,
        partners: Iterable[Partner],
        clock: Callable[[], int] | None = None,
    ) -> None:
        if start_ms < EARLIEST_MS:
            raise ValueError(f"start_ms is {start_ms}; a run starts in 2001 ({EARLIEST_MS}) or later")
        rng = Random(seed)  # noqa: S311 - repeatable on purpose, and no secret
        self._rng, self._uniform = rng, rng.random
        self._mix = mix
        self._clock = clock or (lambda: start_ms)
        self._sources = sources_of(tuple(partners), year, mix, start_ms, rng)
        self._run = f"{_in_base_36(seed)}-{_in_base_36(start_ms)}"
        self._made = self._numbered = 0
        self._kept: list[Sent] = []
        self._oldest = 0
        self._owed: deque[tuple[int, Sent]] = deque()
        self._steps = tuple(accumulate(getattr(mix, name) for name in EXCLUSIVE))
        again = (self._duplicate, self._conflict, self._amend, self._withdraw)
        self._acts = (*again, self._bad, self._misplaced, self._new)

    def __iter__(self) -> Iterator[Record]:
        while True:
            yield self.make()

    def make(self) -> Record:
        """The next record."""
        self._made += 1
        if self._owed and self._owed[0][0] <= self._made:
            return self._keep(self._owed.popleft()[1], intents.CORRECTED)
        act = bisect_right(self._steps, self._uniform())
        if act < _AGAIN and not self._kept:
            return self._new()
        return self._acts[act]()

    def _record(self, sent: Sent, intent: str) -> Record:
        headers = sent.source.headers(sent) if self._uniform() < self._mix.headers else ()
        return Record(sent.source.partner.id, sent.report.encode(), sent.value(), headers, intent)

    def _keep(self, sent: Sent, intent: str) -> Record:
        """Remember it, in place of the oldest once the memory is full, and send it."""
        if len(self._kept) < self._mix.memory:
            self._kept.append(sent)
        else:
            self._kept[self._oldest] = sent
            self._oldest = (self._oldest + 1) % self._mix.memory
        return self._record(sent, intent)

    def _pick(self) -> int:
        """The place of an earlier referral: one of the last in half of all cases, any that is kept in the other."""
        kept = len(self._kept)
        reach = min(kept, _NEAR) if self._uniform() < 0.5 else kept
        return (self._oldest - 1 - int(self._uniform() * reach)) % kept

    def _new(self) -> Record:
        sent, first, intent = self._draft(self._source())
        if first == UNKNOWN:
            return self._keep(sent, intents.UNPLACED)
        if settle(first) is None:
            return self._record(sent, intents.bad(RejectReason.INVALID_COUNTRY))
        return self._keep(sent, intent)

    def _misplaced(self) -> Record:
        """Not kept: dedupe is per partition, so a repetition of it would be new where it belongs."""
        sent = self._placed(self._source())
        if sent.source.partner.ingress_partitions == 1:
            return self._keep(sent, intents.NEW)
        return self._record(sent, intents.MISPLACED)

    def _duplicate(self) -> Record:
        sent = self._kept[self._pick()]
        if self._uniform() < 0.5:
            sent = sent._replace(submitted_at=stamp_ms(self._clock()))
        return self._record(sent, intents.DUPLICATE)

    def _conflict(self) -> Record:
        """Another number of reports in the bundle, and in half of all cases another matter altogether."""
        sent = self._kept[self._pick()]
        rest = sent.rest if self._uniform() < 0.5 else self._placed(sent.source).rest
        return self._record(sent._replace(bundle=sent.bundle + 1, rest=rest), intents.CONFLICT)

    def _amend(self) -> Record:
        return self._revise(Action.AMEND, intents.AMEND)

    def _withdraw(self) -> Record:
        return self._revise(Action.WITHDRAW, intents.WITHDRAW)

    def _revise(self, action: Action, intent: str) -> Record:
        """The next revision, with other jurisdictions that name a country; a withdrawn report has none."""
        place = self._pick()
        earlier = self._kept[place]
        if earlier.action == Action.WITHDRAW:
            return self._new()
        fresh = self._placed(earlier.source)
        self._kept[place] = sent = fresh._replace(
            report=earlier.report, revision=earlier.revision + 1, action=action.value
        )
        return self._record(sent, intent)

    def _bad(self) -> Record:
        source = self._source()
        reason = source.reasons[int(self._uniform() * len(source.reasons))]
        sent = self._placed(source)
        spoilt = flaws.spoil(self._take_apart(sent), reason, self._rng)
        if self._uniform() < self._mix.corrected:
            self._owed.append((self._made + _RESENT_AFTER, sent))
        return Record(source.partner.id, spoilt.key, spoilt.value, spoilt.headers, intents.bad(reason))

    def _take_apart(self, sent: Sent) -> Draft:
        record, source = self._record(sent, intents.NEW), sent.source
        others = [other.partner.id for other, _ in self._sources if other is not source]
        return Draft(
            body=json.loads(record.value or b""),
            key=record.key,
            value=record.value,
            headers=record.headers,
            now_ms=self._clock(),
            key_id=source.current[0] if source.current else None,
            expired_key_id=source.expired[0] if source.expired else None,
            other_partner=others[0] if others else f"not-{source.partner.id}",
        )

    def _source(self) -> Source:
        chance = self._uniform()
        for source, until in self._sources:
            if chance < until:
                return source
        return self._sources[-1][0]

    def _placed(self, source: Source) -> Sent:
        """A referral that names a country with a desk."""
        return self._compose(source, source.places.draw_known(), self._clock())

    def _draft(self, source: Source) -> tuple[Sent, str, str]:
        """A new referral, its first country, and whether it comes late or from a clock that is wrong."""
        first, now_ms, chance = source.places.draw_first(), self._clock(), self._uniform()
        if chance < self._mix.late:
            return self._late(source, first, now_ms), first, intents.LATE
        sent = self._compose(source, first, now_ms)
        if chance < self._mix.late + self._mix.drifted:
            ahead = now_ms + 6 * MINUTE + int(self._uniform() * 12 * HOUR)
            lost = self._uniform() < 0.1
            return sent._replace(submitted_at=stamp(0 if lost else ahead)), first, intents.DRIFTED
        return sent, first, intents.NEW

    def _late(self, source: Source, first: str, now_ms: int) -> Sent:
        """Handed in weeks after it was written, about what was found months or years before."""
        handed_in = now_ms - int((1 + 40 * self._uniform()) * DAY)
        captured = handed_in - int((60 + 640 * self._uniform()) * DAY)
        return self._compose(source, first, handed_in, max(captured, _LONG_AGO_MS))

    def _compose(self, source: Source, first: str, now_ms: int, captured_ms: int | None = None) -> Sent:
        """A referral about something up to two months old, most of it of the last days."""
        uniform = self._uniform
        if captured_ms is None:
            captured_ms = now_ms - 5 * MINUTE - int(uniform() ** 6 * 60 * DAY)
        opening, closing = source.matters.draw()
        chance = uniform()
        occurred = ""
        if chance > 0.15:
            occurred = f',"occurred_at":"{stamp(captured_ms - int(chance * HOUR), self._zone())}"'
        expires = ""
        if chance > 0.9:
            expires = f'"expires_at":"{stamp(now_ms + _KEPT_DAYS[int(chance * 80) % 4] * DAY)}",'
        seals = source.sealed
        rest = (
            f"{expires}{opening}{occurred}{closing},{source.places.describe(first)}"
            f"{seals.describe(seals.draw_count(), stamp(captured_ms))}"
        )
        self._numbered += 1
        bundle = 1 if uniform() < 0.97 else 2 + int(uniform() ** 4 * 500)
        submitted_at = stamp_ms(now_ms - int(uniform() * MINUTE))
        return Sent(source, f"{self._run}-{self._numbered}", 1, Action.NEW.value, bundle, rest, submitted_at)

    def _zone(self) -> int:
        """UTC mostly."""
        chance = self._uniform()
        return 0 if chance < 0.8 else int(chance * 100) % len(ZONES)


def _in_base_36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
