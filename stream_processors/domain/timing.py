"""Which instant counts: the source's own, our door's receipt stamp, or the record's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.commands import Command
from schemas.enums import ReceivedBy
from schemas.policy import PolicySet


class Timing(NamedTuple):
    """``deed``: when the deed counts as done; ``now``: up to when the ticket settles; deed <= now."""

    deed: datetime
    deed_by: ReceivedBy
    now: datetime


def live_timing(command: Command, now: datetime, rules: PolicySet) -> Timing:
    """The first claim within bounds, else the record's own time.

    A source's own time counts only if the set trusts that source for time, and may then lie as far behind the record as
    its rule says. A claim up to ``ahead_s`` ahead counts as now; further ahead it does not count.
    """
    source = rules.source(command.source)
    claims = (
        (command.occurred_at, ReceivedBy.SOURCE, source.max_age_s),
        (command.receipt_at, ReceivedBy.RECEIPT, rules.receipt_max_age_s),
    )
    for claim, by, max_age_s in claims:
        if claim is None or (by is ReceivedBy.SOURCE and not source.trusted_time):
            continue
        if -max_age_s <= (claim - now).total_seconds() <= rules.ahead_s:
            return Timing(min(claim, now), by, now)
    return Timing(now, ReceivedBy.RECORD, now)


def history_timing(command: Command, rules: PolicySet) -> Timing | None:
    """A trusted import lives by its own times; None when the source may not import or gives no time."""
    if command.occurred_at is None or not rules.source(command.source).history:
        return None
    return Timing(command.occurred_at, ReceivedBy.SOURCE, command.occurred_at)


def rising(timing: Timing, last_deed: datetime, last_time: datetime) -> Timing:
    """The same within a ticket, where neither deeds nor the ticket's time run backwards."""
    now = max(timing.now, last_time)
    deed = now if timing.deed_by is ReceivedBy.RECORD else min(max(timing.deed, last_deed), now)
    return Timing(deed, timing.deed_by, now)


def seconds(length: timedelta) -> float:
    """A length in seconds, never below zero."""
    return max(0.0, length.total_seconds())
