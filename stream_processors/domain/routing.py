"""Which policy a ticket takes and which unit gets it: the first rule that fits, by the facts alone."""

from __future__ import annotations

from schemas.commands import Respondent
from schemas.enums import RespondentType
from schemas.policy import AppliesTo, Policy, PolicySet, Route
from stream_processors.domain.ticket import Profile


def policy_for(ticket: Profile, rules: PolicySet) -> Policy:
    """The first policy of the set that applies; a set that loads has one for every ticket.

    Raises:
        LookupError: none applies.
    """
    for policy in rules.policies:
        if any(applies(rule, ticket) for rule in policy.applies_to):
            return policy
    raise LookupError(f"policy set {rules.name} has no policy for this ticket")


def applies(rule: AppliesTo, ticket: Profile) -> bool:
    """Whether every list that the rule gives holds for the ticket."""
    return rule.covers(ticket.kind, ticket.channel, ticket.domain, ticket.urgency, ticket.sensitivity)


def route_for(ticket: Profile, rules: PolicySet) -> Route | None:
    """The first route that fits and does not lead to the unit complained about (回避); None means triage."""
    for route in rules.routes:
        if _fits(route, ticket) and not is_respondent(ticket.respondent, route.unit):
            return route
    return None


def is_respondent(respondent: Respondent | None, unit: str) -> bool:
    """Whether this unit is the one complained about."""
    return respondent is not None and respondent.type is RespondentType.UNIT and respondent.id == unit


def _fits(route: Route, ticket: Profile) -> bool:
    respondent = ticket.respondent
    return (
        (route.channels is None or ticket.channel in route.channels)
        and (route.kinds is None or ticket.kind in route.kinds)
        and (route.domains is None or ticket.domain in route.domains)
        and (route.districts is None or ticket.district in route.districts)
        and (route.respondent_types is None or (respondent is not None and respondent.type in route.respondent_types))
        and (
            route.respondent_prefixes is None
            or (respondent is not None and respondent.id.startswith(route.respondent_prefixes))
        )
    )
