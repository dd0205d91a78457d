"""Source, medium, campaign and channel, as a first event's page, referrer and UTM fields tell them."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration import Channels
from event_assets.declaration.channels import ga4_rules
from event_assets.text.referring_sites import site_of
from event_assets.text.urls import host, parameters
from event_assets.transforms.source_and_medium import Arrival, arrival, arrivals, channel_of, parts

SHOP = "https://www.shop.example/"


def came(page: str | None = SHOP, referrer: str | None = None, *internal: str, **fields: str | None) -> tuple[str, ...]:
    named = {"landing_page": page, "referrer": referrer, **fields}
    found = arrival(tuple(named), tuple(named.values()), internal)
    return (found.source, found.medium, *([found.campaign] if found.campaign else []))


def channel(source: str, medium: str, campaign: str | None = None, **declared: object) -> str:
    channels = Channels(landing_page="page", **declared)
    return str(channel_of(channels.ordered_rules)([[written(source, medium, campaign)]])[0])


def written(source: str, medium: str, campaign: str | None) -> str:
    return "\x1f".join([source, medium, campaign or ""])


DIRECT = ("(direct)", "(none)")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?utm_source=News&utm_medium=E-Mail&utm_campaign=May", ("news", "e-mail", "May")),
        ("?UTM_Source=a&Utm_Medium=b", ("a", "b")),
        ("?utm_source=a%20b&utm_medium=c+d", ("a b", "c d")),
        ("?utm_source=caf%C3%A9&utm_medium=%F0%9F%9B%92", ("café", "🛒")),
        ("?utm_source=%ff&utm_medium=100%", ("\ufffd", "100%")),
        ("?utm_source=a%00b%0a&utm_medium=c", ("ab", "c")),
        ("?utm_source=a&utm_source=b&utm_medium=&utm_medium=c", ("a", "c")),
        ("?x=1&amp;utm_source=a&amp;utm_medium=b", ("a", "b")),
        ("?utm_source=a&utm_medium=b#utm_medium=c", ("a", "b")),
        ("#/x?utm_source=a&utm_medium=b", DIRECT),
        ("?utm_source=a", ("a", "(not set)")),
        ("?utm_medium=email", ("(not set)", "email")),
        ("?utm_campaign=May", ("(not set)", "(not set)", "May")),
        ("?utm_source=(not set)&utm_medium=null&utm_campaign=undefined", DIRECT),
        ("?utm_source=%20&utm_medium=", DIRECT),
        ("?utm_source=a%26b&utm_medium=c%3Dd", ("a&b", "c=d")),
        ("?utm_source", DIRECT),
        ("?gclid=1", ("google", "cpc")),
        ("?gclid=", DIRECT),
        ("?wbraid=1&utm_campaign=May", ("google", "cpc", "May")),
        ("?msclkid=1", ("bing", "cpc")),
        ("?gclid=1&utm_source=google", ("google", "cpc")),
        ("?gclid=1&utm_source=mail&utm_medium=email", ("mail", "email")),
        ("?fbclid=1", ("facebook", "social")),
        ("?fbclid=1&utm_source=mail", ("mail", "(not set)")),
        ("?fbclid=1&utm_medium=cpc", ("facebook", "cpc")),
        ("?fbclid=1&gclid=1", ("google", "cpc")),
    ],
)
def test_a_landing_page_tells_source_and_medium_by_its_query(query: str, expected: tuple[str, ...]) -> None:
    assert came(SHOP + query) == expected
    assert came(f"/path{query}") == expected
    assert came(SHOP + query, "https://www.shop.example/before") == expected


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        (None, DIRECT),
        ("", DIRECT),
        ("-", DIRECT),
        ("(direct)", DIRECT),
        ("about:blank", DIRECT),
        ("/home", DIRECT),
        ("file:///C:/x.html", DIRECT),
        ("index.html", DIRECT),
        ("https://blog\x00.exam\x1fple/", ("blog.example", "referral")),
        ("\x1f", DIRECT),
        ("cart.php?id=1", DIRECT),
        ("cart.php.example", ("cart.php.example", "referral")),
        ("data:text/html,x", DIRECT),
        ("https://", DIRECT),
        ("https://www.google.com/", ("google", "organic")),
        ("https://www.google.co.uk/search?q=x", ("google", "organic")),
        ("HTTP://GOOGLE.DE:80", ("google", "organic")),
        ("android-app://com.google.android.googlequicksearchbox/", ("google", "organic")),
        ("google", ("google", "organic")),
        ("www.google.com", ("google", "organic")),
        ("https://mail.google.com/", ("mail.google.com", "referral")),
        ("https://google.evil.example/", ("google.evil.example", "referral")),
        ("https://notgoogle.com/", ("notgoogle.com", "referral")),
        ("https://fr.search.yahoo.com/", ("yahoo", "organic")),
        ("https://mail.yahoo.com/", ("mail.yahoo.com", "referral")),
        ("https://l.facebook.com/l.php", ("facebook", "referral")),
        ("https://t.co/x", ("twitter", "referral")),
        ("https://netflix.com/", ("netflix", "referral")),
        ("https://tieba.baidu.com/", ("tieba", "referral")),
        ("https://blog.example./a", ("blog.example", "referral")),
        ("//blog.example/a", ("blog.example", "referral")),
        ("blog.example:8080/a", ("blog.example", "referral")),
        ("https://me:secret@blog.example:8080/a", ("blog.example", "referral")),
        ("https://bücher.example/", ("xn--bcher-kva.example", "referral")),
        ("https://[2001:db8::1]:8080/", ("[2001:db8::1]", "referral")),
        ("https://localhost/", ("localhost", "referral")),
        ("newsletter", ("newsletter", "referral")),
        ("https://blog.example\\@www.google.com/", ("blog.example", "referral")),
        ("https://shop.example/x", DIRECT),
        ("https://checkout.shop.example/x", DIRECT),
        ("https://notshop.example/x", ("notshop.example", "referral")),
        ("https://pay.example/x", DIRECT),
        ("https://eu.pay.example/x", DIRECT),
    ],
)
def test_a_referrer_tells_the_site_that_sent_the_session(referrer: str | None, expected: tuple[str, ...]) -> None:
    assert came(SHOP, referrer, "pay.example") == expected


def test_declared_fields_count_in_place_of_the_query() -> None:
    page = "/?utm_source=query&utm_medium=query&utm_campaign=query"
    assert came(page, utm_source="Own", utm_medium=None) == ("own", "(not set)", "query")
    assert came(page, utm_source="(direct)", utm_medium="(none)", utm_campaign=None) == DIRECT
    assert came(page, utm_source="100%25", utm_medium="a+b", utm_campaign=None) == ("100%25", "a+b")


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "expected"),
    [
        ("(direct)", "(none)", None, "Direct"),
        ("(direct)", "(not set)", "shop", "Direct"),
        ("google", "cpc", "x cross-network y", "Cross-network"),
        ("google", "cpc", "spring-shop", "Paid Shopping"),
        ("amazon.de", "paid-ad", None, "Paid Shopping"),
        ("google", "cpc", "workshop", "Paid Search"),
        ("bing.com", "ppc", None, "Paid Search"),
        ("fb", "paid_social", None, "Paid Social"),
        ("m.facebook.com", "CPM", None, "Paid Social"),
        ("youtube", "cpv", None, "Paid Video"),
        ("youtube", "cpc", None, "Paid Video"),
        ("youtube", "x", None, "Organic Video"),
        ("adnet", "cpm", None, "Display"),
        ("adnet", "banner", None, "Display"),
        ("adnet", "retargeting", None, "Paid Other"),
        ("ebay", "referral", None, "Organic Shopping"),
        ("x", "y", "eshop", "Organic Shopping"),
        ("instagram", "referral", None, "Organic Social"),
        ("x9", "social-media", None, "Organic Social"),
        ("vimeo.com", "referral", None, "Organic Video"),
        ("x9", "video-ad", None, "Organic Video"),
        ("duckduckgo", "organic", None, "Organic Search"),
        ("x9", "organic", None, "Organic Search"),
        ("blog.example", "referral", None, "Referral"),
        ("x9", "link", None, "Referral"),
        ("x9", "E-Mail", None, "Email"),
        ("email", "(not set)", None, "Email"),
        ("x9", "affiliate", None, "Affiliates"),
        ("x9", "audio", None, "Audio"),
        ("sms", "x", None, "SMS"),
        ("x9", "web-push", None, "Mobile Push Notifications"),
        ("x9", "mobile app", None, "Mobile Push Notifications"),
        ("firebase", "x", None, "Mobile Push Notifications"),
        ("news", "newsletter", None, "Unassigned"),
        ("(not set)", "(not set)", "May", "Unassigned"),
    ],
)
def test_default_channels_are_those_of_google_analytics(
    source: str, medium: str, campaign: str | None, expected: str
) -> None:
    assert channel(source, medium, campaign) == expected


def test_own_rules_come_before_the_default_ones_or_in_their_place() -> None:
    rules = [{"channel": "Letters", "medium": "newsletter|e-mail"}, {"channel": "Direct", "source": r"intra\..*"}]
    assert channel("x9", "NEWSLETTER", rules=rules) == "Letters"
    assert channel("x9", "e-mail", rules=rules) == "Letters"
    assert channel("x9", "my newsletter", rules=rules) == "Unassigned", "a rule matches the whole value"
    assert channel("intra.example", "referral", rules=rules) == "Direct"
    assert channel("google", "organic", rules=rules) == "Organic Search"
    assert channel("google", "organic", rules=rules, default_rules=False) == "Unassigned"
    assert channel("(direct)", "(none)", rules=rules, default_rules=False) == "Direct"
    assert channel("x9", "y", None, rules=[{"channel": "Any", "campaign": ".*"}]) == "Unassigned"


PARTS = {
    "source": ["(direct)", "google", "fb", "youtube", "ebay.de", "email", "sms", "firebase", "x9"],
    "medium": [
        "(none)",
        "cpc",
        "cpm",
        "paid",
        "social",
        "video",
        "organic",
        "referral",
        "email",
        "audio",
        "push",
        "x9",
    ],
    "campaign": [None, "a cross-network", "eshop", "x9"],
}


def test_a_channel_is_that_of_the_first_rule_in_order_that_matches() -> None:
    """Every combination, against a walk of the rules that compares each text by itself."""
    every = list(product(*PARTS.values()))
    found = channel_of(ga4_rules())([[written(*one) for one in every]])
    for (source, medium, campaign), name in zip(every, found, strict=True):
        walked = "Unassigned"
        for rule in ga4_rules():
            given = {"source": source, "medium": medium, "campaign": campaign}
            met = True
            for key, value in given.items():
                patterns = getattr(rule, key)
                if patterns and not any(value and re.fullmatch(one, value, re.IGNORECASE) for one in patterns):
                    met = False
            site = site_of(source)
            if met and (not rule.site or (site and site.kind in rule.site)):
                walked = rule.channel
                break
        assert name == walked, (source, medium, campaign)


ANY = st.one_of(st.text(max_size=30), st.text("utm_sorce=&?#%/:.@[]gclid", max_size=40))


@given(page=ANY, referrer=ANY)
def test_any_text_gives_one_arrival_of_printable_parts(page: str, referrer: str) -> None:
    text = arrivals(Channels(landing_page="p", referrer="r"))([[page], [referrer]])
    source, medium, campaign = (parts(place)([text])[0] for place in range(3))
    assert source
    assert medium
    assert campaign != ""
    [name] = channel_of(ga4_rules())([text])
    assert name
    assert (source == "(direct)") == (name == "Direct")
    parameters(page)
    host(referrer)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({}, "nothing tells channels apart"),
        ({"landing_page": "p", "revenue": "price"}, "declare conversions"),
        ({"landing_page": "p", "rules": [{"channel": "X"}]}, "the rule of X has no condition"),
        ({"landing_page": "p", "rules": [{"channel": "X", "medium": "("}]}, "is not a regular expression"),
        ({"landing_page": "p", "rules": [{"channel": " ", "medium": "x"}]}, "is not a valid name of a channel"),
        ({"landing_page": "p", "internal_hosts": ["/x"]}, "'/x' is not a host"),
        ({"landing_page": "p", "lookback": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_declaration_is_refused(channels: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Channels(**channels)


def test_an_arrival_without_anything_is_direct() -> None:
    assert Arrival() == arrival((), ())
