"""The `notify` of a desk, or of who runs the system, as written: whom to tell, how, and after how long.

Everything in it is checked but the secret files: a router reads the same configuration and has no right to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import available_timezones

import yaml

from policy import notify_fields as read
from policy.documents import Document, is_slug
from policy.notify import NOBODY, Channel, DeskTopic, Email, Notify, Quiet, Rung, Webhook
from policy.problems import nearest, quote

_FIELDS: Final = {
    "channels": True,
    "ladder": False,
    "repeat": False,
    "time_zone": False,
    "quiet": False,
    "digest": False,
    "report_numbers": False,
}
_WEBHOOK_FIELDS: Final = {"webhook": True, "secret_file": True, "networks": False}
_KINDS: Final = ("webhook", "email", "kafka")
_CHANNEL_WORDS: Final = "one of `webhook: <URL>`, `email: [<address>]`, `kafka: true`"
_SLUG_WORDS: Final = "at most 32 of a-z, 0-9 and single hyphens, a letter first"
_AT_ONCE: Final = "0s"


@dataclass(frozen=True, slots=True)
class NotifyReader:
    """Reads every `notify` of one file. `directory` is that of the file: a relative `secret_file` is below it."""

    document: Document
    directory: Path

    def read(self, node: yaml.Node, what: str) -> Notify:
        """How `what` is told; of use only where no mistake was noted."""
        fields = self.document.fields(node, f"`notify` of {what}", _FIELDS)
        if "channels" not in fields:
            return NOBODY
        channels = self._read_channels(fields["channels"], what)
        if "ladder" in fields:
            rungs = self._read_ladder(fields["ladder"], channels)
            self._check_unused(channels, rungs)
        else:
            rungs = (Rung(0, tuple(channels)),)
        repeat = self.document.duration(fields["repeat"], "`repeat`") if "repeat" in fields else None
        quiet = self._read_quiet(fields["quiet"]) if "quiet" in fields else None
        digest = read.clock(self.document, fields["digest"], "`digest`") if "digest" in fields else None
        if quiet and digest and _is_quiet(quiet, digest):
            expected = "a time outside the quiet hours, by which it would only be held up"
            self.document.note(fields["digest"], f"`digest` at {digest:%H:%M}, within `quiet`", expected)
        return Notify(
            channels=MappingProxyType({name: channel for name, (_, channel) in channels.items() if channel}),
            rungs=rungs,
            repeat_seconds=repeat or NOBODY.repeat_seconds,
            time_zone=self._read_zone(fields, node),
            quiet=quiet,
            digest=digest,
            report_numbers="report_numbers" in fields
            and self.document.flag(fields["report_numbers"], "`report_numbers`"),
        )

    def _read_channels(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, Channel | None]]:
        """By name: its key's node, and the channel, None where it could not be read."""
        channels: dict[str, tuple[yaml.Node, Channel | None]] = {}
        if isinstance(node, yaml.MappingNode) and not node.value:
            self.document.note(node, "empty entries", f"`channels` of {what}: at least one; without `notify`, none")
        for name, key, value in self.document.entries(node, f"`channels` of {what}"):
            if not is_slug(name):
                self.document.note(key, f"the channel {quote(name)}", f"a name for it: {_SLUG_WORDS}")
            channels[name] = (key, self._read_channel(name, value))
        topics = [key for key, channel in channels.values() if isinstance(channel, DeskTopic)]
        for key in topics[1:]:
            self.document.note(key, "a second channel with `kafka: true`", "one: a desk has one topic")
        return channels

    def _read_channel(self, name: str, node: yaml.Node) -> Channel | None:
        what = f"channel {quote(name)}"
        if not isinstance(node, yaml.MappingNode):
            self.document.note(node, "no `key: value` entries", f"{what}: {_CHANNEL_WORDS}")
            return None
        keys = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        kinds = [kind for kind in _KINDS if kind in keys]
        if len(kinds) != 1:
            found = f"{what} with {' and '.join(map(quote, kinds))}" if kinds else f"{what} of no known kind"
            self.document.note(node, found, _CHANNEL_WORDS)
            return None
        readers: Mapping[str, Callable[[str, yaml.Node], Channel | None]] = {
            "webhook": self._read_webhook,
            "email": self._read_email,
            "kafka": self._read_topic,
        }
        return readers[kinds[0]](name, node)

    def _read_webhook(self, name: str, node: yaml.Node) -> Webhook | None:
        fields = self.document.fields(node, f"channel {quote(name)}", _WEBHOOK_FIELDS)
        networks = read.networks(self.document, fields["networks"]) if "networks" in fields else ()
        url = read.url(self.document, fields["webhook"], listed="networks" in fields) if "webhook" in fields else None
        secret = None
        if "secret_file" in fields:
            secret = self.document.text(fields["secret_file"], "`secret_file`: a path, as seen from this file")
        if url is None or secret is None:
            return None
        return Webhook(name, url, self.directory / secret, networks)

    def _read_email(self, name: str, node: yaml.Node) -> Email | None:
        fields = self.document.fields(node, f"channel {quote(name)}", {"email": True})
        to = read.mailboxes(self.document, fields["email"])
        return Email(name, to) if to else None

    def _read_topic(self, name: str, node: yaml.Node) -> DeskTopic | None:
        fields = self.document.fields(node, f"channel {quote(name)}", {"kafka": True})
        value = fields["kafka"]
        if not (isinstance(value, yaml.ScalarNode) and value.value == "true"):
            self.document.note(
                value, f"`kafka` of channel {quote(name)} that is not `true`", "`kafka: true`, or no line"
            )
            return None
        return DeskTopic(name)

    def _read_ladder(self, node: yaml.Node, channels: Mapping[str, object]) -> tuple[Rung, ...]:
        rungs: list[Rung] = []
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.document.note(node, "no steps", "`ladder`: a list of at least one `{after: …, channels: […]}`")
            return ()
        for step in node.value:
            fields = self.document.fields(step, "a step of `ladder`", {"after": True, "channels": True})
            if not fields.keys() >= {"after", "channels"}:
                continue
            names = tuple(read.names(self.document, fields["channels"], channels))
            after = self._read_after(fields["after"], rungs)
            if after is not None and names:
                rungs.append(Rung(after, names))
        return tuple(rungs)

    def _read_after(self, node: yaml.Node, before: list[Rung]) -> int | None:
        at_once = isinstance(node, yaml.ScalarNode) and node.value == _AT_ONCE
        seconds = 0 if at_once else self.document.duration(node, "`after`")
        if seconds is None:
            return None
        if not before and seconds:
            self.document.note(node, "a first step that is not at once", f"`after: {_AT_ONCE}` at the first step")
        elif before and seconds <= before[-1].after_seconds:
            expected = "a later one: `after` is counted from when it began, and each step is after the one before"
            self.document.note(node, "a step no later than the one before", expected)
        else:
            return seconds
        return None

    def _check_unused(self, channels: Mapping[str, tuple[yaml.Node, object]], rungs: tuple[Rung, ...]) -> None:
        named = {name for rung in rungs for name in rung.channels}
        for name, (key, channel) in channels.items():
            if rungs and channel is not None and name not in named:
                self.document.note(
                    key,
                    f"channel {quote(name)}, which no step of `ladder` names",
                    "a step that tells it, or no channel",
                )

    def _read_quiet(self, node: yaml.Node) -> Quiet | None:
        fields = self.document.fields(node, "`quiet`", {"from": True, "until": True})
        if len(fields) != 2:
            return None
        start = read.clock(self.document, fields["from"], "`from`")
        end = read.clock(self.document, fields["until"], "`until`")
        if start is None or end is None:
            return None
        if start == end:
            self.document.note(fields["until"], f"`quiet` from and until {end:%H:%M}", "two times, or no `quiet`")
            return None
        return Quiet(start, end)

    def _read_zone(self, fields: Mapping[str, yaml.Node], node: yaml.Node) -> str:
        if "time_zone" not in fields:
            if clocks := [f"`{name}`" for name in ("quiet", "digest") if name in fields]:
                expected = "a line `time_zone: Europe/Amsterdam`, or whichever is the desk's"
                self.document.note(node, f"{' and '.join(clocks)} without `time_zone`", expected)
            return NOBODY.time_zone
        found = self.document.text(fields["time_zone"], "`time_zone`: a name such as Europe/Amsterdam")
        if found is not None and found not in _time_zones():
            near = nearest(_time_zones(), found) or "Europe/Amsterdam"
            expected = f"a name of the IANA time zone database, such as {quote(near)}"
            self.document.note(fields["time_zone"], f"the unknown time zone {quote(found)}", expected)
            return NOBODY.time_zone
        return found or NOBODY.time_zone


@cache
def _time_zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _is_quiet(quiet: Quiet, at: time) -> bool:
    """Whether a time of day is within; `start` is, `end` is not."""
    if quiet.start < quiet.end:
        return quiet.start <= at < quiet.end
    return at >= quiet.start or at < quiet.end
