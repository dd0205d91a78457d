"""How sessions get their source, medium, campaign and channel (docs/how-to/channels.md)."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from event_assets.declaration.base import Declared, listed, printable, regular_expression
from event_assets.text import referring_sites
from event_assets.text.urls import host

DIRECT, UNASSIGNED = "Direct", "Unassigned"
#: The values of a missing source and a missing medium.
DIRECT_SOURCE, NO_MEDIUM, NOT_SET = "(direct)", "(none)", "(not set)"


Patterns = Annotated[tuple[Annotated[str, AfterValidator(regular_expression)], ...], BeforeValidator(listed)]


class ChannelRule(Declared):
    """A session belongs to the channel if it meets all conditions. A text is a regular expression that must match the
    whole value, without regard to case. If there are several texts, one of them must match."""

    channel: Annotated[str, printable("name of a channel")]
    """The channel's name."""
    source: Patterns = ()
    """The sources: `utm_source`, else the referring site."""
    medium: Patterns = ()
    """The media: `utm_medium`, else `organic`, `referral` or `(none)`."""
    campaign: Patterns = ()
    """The campaigns; a session without one doesn't match."""
    site: Annotated[tuple[referring_sites.Kind, ...], BeforeValidator(listed)] = ()
    """The kinds of sites, by the list of the package: search, social, video, shopping."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.source or self.medium or self.campaign or self.site):
            raise ValueError(f"the rule of {self.channel} has no condition; give it source, medium, campaign or site")
        return self


def _rules(channel: str, *conditions: dict[str, Any]) -> list[ChannelRule]:
    return [ChannelRule(channel=channel, **condition) for condition in conditions]


_PAID = (".*cp.*", "ppc", "retargeting", "paid.*")
_SHOP = ".*(([^a-df-z]|^)shop|shopping).*"
_EMAIL = ("email", "e-mail", "e_mail", "e mail")
_SOCIAL = ("social", "social-network", "social-media", "sm", "social network", "social media")


@cache  # most datasets declare no channels, and all commands load this module
def ga4_rules() -> tuple[ChannelRule, ...]:
    """Google Analytics 4's default channel group for manual traffic, in its order
    (https://support.google.com/analytics/answer/9756891)."""
    return (
        *_rules(DIRECT, {"source": r"\(direct\)", "medium": (r"\(none\)", r"\(not set\)")}),
        *_rules("Cross-network", {"campaign": ".*cross-network.*"}),
        *_rules("Paid Shopping", {"site": "shopping", "medium": _PAID}, {"campaign": _SHOP, "medium": _PAID}),
        *_rules("Paid Search", {"site": "search", "medium": _PAID}),
        *_rules("Paid Social", {"site": "social", "medium": _PAID}),
        *_rules("Paid Video", {"site": "video", "medium": _PAID}),
        *_rules("Display", {"medium": ("display", "banner", "expandable", "interstitial", "cpm")}),
        *_rules("Paid Other", {"medium": _PAID}),
        *_rules("Organic Shopping", {"site": "shopping"}, {"campaign": _SHOP}),
        *_rules("Organic Social", {"site": "social"}, {"medium": _SOCIAL}),
        *_rules("Organic Video", {"site": "video"}, {"medium": ".*video.*"}),
        *_rules("Organic Search", {"site": "search"}, {"medium": "organic"}),
        *_rules("Referral", {"medium": ("referral", "app", "link")}),
        *_rules("Email", {"source": _EMAIL}, {"medium": _EMAIL}),
        *_rules("Affiliates", {"medium": ("affiliate", "affiliates")}),
        *_rules("Audio", {"medium": "audio"}),
        *_rules("SMS", {"source": "sms"}, {"medium": "sms"}),
        *_rules(
            "Mobile Push Notifications", {"medium": (".*push", ".*(mobile|notification).*")}, {"source": "firebase"}
        ),
    )


class Channels(Declared):
    """Where sessions come from: source, medium, campaign and channel by a session's first event."""

    landing_page: str | None = None
    """The column of the page's URL: its UTM parameters and click ids are read, and its host is yours."""
    referrer: str | None = None
    """The column of the URL, host or name of the previous page."""
    utm_source: str | None = None
    """The column of the source, in place of the landing page's `utm_source`."""
    utm_medium: str | None = None
    """The column of the medium, in place of the landing page's `utm_medium`."""
    utm_campaign: str | None = None
    """The column of the campaign, in place of the landing page's `utm_campaign`."""
    internal_hosts: tuple[str, ...] = ()
    """Hosts whose referrers are ignored, with their subdomains: your own, a payment page."""
    own_rules: tuple[ChannelRule, ...] = Field((), alias="rules")
    """Rules of channels before the default ones; the first rule that a session matches gives its channel."""
    default_rules: bool = True
    """Whether the rules of Google Analytics 4 follow your own. A session that matches no rule is `Unassigned`."""
    lookback: int = Field(30, ge=1, le=366)
    """The number of dates, up to the session's own, that are searched for the first and last touch."""
    conversions: tuple[str, ...] = ()
    """Event types that are conversions; `sessions` then counts them."""
    revenue: str | None = None
    """The decimal or int64 column of a conversion's revenue; `sessions` then sums it."""

    @property
    def fields(self) -> dict[str, str]:
        """Field to column, for the declared fields."""
        named = {name: getattr(self, name) for name in FIELDS}
        return {name: column for name, column in named.items() if column}

    @property
    def ordered_rules(self) -> tuple[ChannelRule, ...]:
        return (*self.own_rules, *(ga4_rules() if self.default_rules else ()))

    @property
    def attribution(self) -> list[Any]:
        """All that a session's own source, medium, campaign and channel depend on, as plain JSON values."""
        rules = [rule.rules() for rule in self.ordered_rules]
        return [self.fields, sorted(self.internal_hosts), rules, referring_sites.VERSION]

    @field_validator("internal_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if host(f"//{text}") is None:
                raise ValueError(f"{text!r} is not a host; write one such as shop.example")
        return tuple(str(host(f"//{text}")) for text in value)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.fields:
            raise ValueError(f"nothing tells channels apart; declare some of {', '.join(FIELDS)}")
        if self.revenue and not self.conversions:
            raise ValueError("revenue is summed over conversions; declare conversions: the event types that are some")
        return self


#: What is read of a session's first event.
FIELDS = ("landing_page", "referrer", "utm_source", "utm_medium", "utm_campaign")
