"""Where a session comes from, by its first event: plain Python over texts (docs/how-to/channels.md)."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from event_assets.declaration import Channels
from event_assets.declaration.channels import DIRECT, DIRECT_SOURCE, NO_MEDIUM, NOT_SET, UNASSIGNED, ChannelRule
from event_assets.text.referring_sites import site_of
from event_assets.text.urls import host, is_within, parameters, without_controls
from event_assets.transforms.interface import TextFunction

#: Parameters that an ad network or a site adds to links: who it is, and by which medium. All but Facebook's are on
#: links of ads alone; that one is on all links that leave the site, so it is no sign of an ad.
CLICK_IDS = {
    "gclid": ("google", "cpc"),
    "gbraid": ("google", "cpc"),
    "wbraid": ("google", "cpc"),
    "dclid": ("google", "display"),
    "msclkid": ("bing", "cpc"),
    "yclid": ("yandex", "cpc"),
    "ttclid": ("tiktok", "cpc"),
    "twclid": ("twitter", "cpc"),
    "li_fat_id": ("linkedin", "cpc"),
    "sccid": ("snapchat", "cpc"),
    "fbclid": ("facebook", "social"),
}
#: What exports write for nothing.
_NOTHING = {"", "-", NOT_SET, "(not provided)", "null", "undefined"}
_NO_REFERRER = {*_NOTHING, DIRECT_SOURCE, NO_MEDIUM, "direct", "none", "n/a", "nan"}
#: Between source, medium and campaign in one text; no part contains it.
_APART = "\x1f"
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True)
class Arrival:
    """How a session came: source and medium in lower case, and the campaign as it was written."""

    source: str = DIRECT_SOURCE
    medium: str = NO_MEDIUM
    campaign: str | None = None


def arrivals(channels: Channels) -> TextFunction:
    """How sessions came, as one text each (`parts` reads it), by the declared fields of their first events in the order
    of `channels.fields`."""
    names, internal_hosts = tuple(channels.fields), channels.internal_hosts

    def written(row: tuple[str | None, ...]) -> str:
        found = arrival(names, row, internal_hosts)
        return _APART.join(part or "" for part in (found.source, found.medium, found.campaign))

    return lambda columns: [written(row) for row in zip(*columns, strict=True)]


def parts(place: int) -> TextFunction:
    """The source (0), the medium (1) or the campaign (2, null without one) of arrivals."""
    return lambda columns: [(text or "").split(_APART)[place] or None for text in columns[0]]


def arrival(names: tuple[str, ...], texts: tuple[str | None, ...], internal_hosts: tuple[str, ...] = ()) -> Arrival:
    """How a session came whose first event has these texts in its fields (names as in `channels`).

    UTM fields come first, then click ids, then the referrer; a session with none of them is direct.
    """
    fields = dict(zip(names, texts, strict=True))
    page = fields.get("landing_page") or ""
    query = parameters(page)

    def tag(name: str) -> str:
        text = without_controls((fields[name] if name in fields else query.get(name)) or "").strip()
        return "" if text.translate(_TO_LOWER) in _NOTHING else text

    source, medium = (tag(name).translate(_TO_LOWER) for name in ("utm_source", "utm_medium"))
    campaign = tag("utm_campaign") or None
    clicked = next((CLICK_IDS[name] for name in CLICK_IDS if name in query), None)
    if clicked and (not source or clicked[1] != "social"):
        source, medium = source or clicked[0], medium or clicked[1]
    if source or medium:
        return Arrival(source or NOT_SET, medium or NOT_SET, campaign)
    sender = _referrer(fields.get("referrer") or "", host(page), internal_hosts)
    if sender:
        site = site_of(sender)
        is_search = site is not None and site.kind == "search"
        return Arrival(site.name if site else sender, "organic" if is_search else "referral", campaign)
    return Arrival(NOT_SET, NOT_SET, campaign) if campaign else Arrival()


def channel_of(rules: Sequence[ChannelRule]) -> TextFunction:
    """The channel of each arrival: the channel of the first rule that it meets."""
    conditions = [(rule.channel, _condition(rule)) for rule in rules]

    def channel(text: str | None) -> str:
        source, medium, campaign = (text or "").split(_APART)
        arrived = Arrival(source, medium, campaign or None)
        is_direct = source == DIRECT_SOURCE and medium in (NO_MEDIUM, NOT_SET)  # also without the default rules
        return next((name for name, meets in conditions if meets(arrived)), DIRECT if is_direct else UNASSIGNED)

    return lambda columns: [channel(text) for text in columns[0]]


def _condition(rule: ChannelRule) -> Callable[[Arrival], bool]:
    source, medium, campaign = (_any_of(texts) for texts in (rule.source, rule.medium, rule.campaign))

    def meets(arrived: Arrival) -> bool:
        matched = ((source, arrived.source), (medium, arrived.medium), (campaign, arrived.campaign))
        if any(pattern and (text is None or not pattern.fullmatch(text)) for pattern, text in matched):
            return False
        site = site_of(arrived.source) if rule.site else None
        return not rule.site or (site is not None and site.kind in rule.site)

    return meets


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE) if patterns else None


def _referrer(text: str, own: str | None, internal_hosts: Sequence[str]) -> str | None:
    """The host that sent a session, or the name that the source has for it; None where there is no other."""
    name = text.strip().translate(_TO_LOWER)
    if name in _NO_REFERRER:
        return None
    sender = host(text)
    if sender is None:  # a page of one's own or a scheme of the browser's, else the bare name of a source
        return None if any(mark in name for mark in ":/?#.") else without_controls(name)
    if own and (is_within(sender, own) or is_within(own, sender)):
        return None
    return None if any(is_within(sender, internal) for internal in internal_hosts) else sender
