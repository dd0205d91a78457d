"""Layouts that vendors document and files don't carry: patterns of access logs, columns of files without a header."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from event_assets.declaration.events_and_profiles import LOG_PATTERNS


@dataclass(frozen=True)
class Log:
    """A kind of log, a record a line."""

    pattern: str
    """As a declaration has it: a name that landing knows, or a regular expression with named groups."""
    time_form: str = ""
    """The form of the times, where their texts could be of another."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(LOG_PATTERNS.get(self.pattern, self.pattern))


#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html; later versions
#: append fields.
_ALB = (
    r"(?P<connection>\S+) (?P<time>\S+) (?P<elb>\S+) (?P<client_ip>\S+):(?P<client_port>\d+) (?P<target>\S+) "
    r"(?P<request_processing_time>\S+) (?P<target_processing_time>\S+) (?P<response_processing_time>\S+) "
    r"(?P<elb_status_code>\S+) (?P<target_status_code>\S+) (?P<received_bytes>\S+) (?P<sent_bytes>\S+) "
    r'"(?P<method>\S+) (?P<url>\S+) (?P<protocol>[^"]*)" "(?P<user_agent>[^"]*)" (?P<ssl_cipher>\S+) '
    r'(?P<ssl_protocol>\S+) (?P<target_group_arn>\S+) "(?P<trace_id>[^"]*)".*'
)

#: https://wiki.squid-cache.org/Features/LogFormat, the native one.
_SQUID = (
    r"(?P<time>\d+\.\d+) +(?P<elapsed>\d+) (?P<client_ip>\S+) (?P<result>\S+)/(?P<status>\d+) (?P<bytes>\d+) "
    r"(?P<method>\S+) (?P<url>\S+) (?P<user>\S+) (?P<hierarchy>\S+) (?P<content_type>\S+)"
)

#: https://docs.haproxy.org/3.0/configuration.html#8.2.3, the format of HTTP.
_HAPROXY = (
    r".*?haproxy\[\d+\]: (?P<client_ip>\S+):(?P<client_port>\d+) \[(?P<time>[^\]]+)\] (?P<frontend>\S+) "
    r"(?P<backend>\S+)/(?P<server>\S+) (?P<timers>\S+) (?P<status>\d+) (?P<bytes>\d+) \S+ \S+ (?P<termination>\S+) "
    r'(?P<connections>\S+) (?P<queues>\S+) [^"]*"(?P<method>\S+) (?P<url>\S+)(?: (?P<protocol>[^"]*))?"'
)

#: What Spark and Hadoop set in log4j: %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n.
_LOG4J = r"(?P<time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d) (?P<level>[A-Z]+) (?P<logger>[^\s:]+): (?P<message>.*)"

#: The longest first: a combined log begins as a common one does.
LOGS = (Log(_ALB), Log(_SQUID), Log(_HAPROXY), Log(_LOG4J, "%y/%m/%d %H:%M:%S"), Log("combined"), Log("common"))

#: Times in lines of an unknown layout.
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z| ?[+-]\d\d:?\d\d)?"
_APACHE = r"\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?"
_CTIME = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? \d{4}"
_RFC_2822 = r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)?(?: (?:[+-]\d{4}|GMT|UT)\b)?"
_TIMES = (_ISO, _APACHE, _CTIME, _RFC_2822)
TEXTS = tuple(Log(rf"(?P<before>.*?)\[?(?P<time>{time})\]?(?P<message>.*)") for time in _TIMES)

#: A name and its value within a text, as logfmt and many programs write them: user=u1 path="/a b".
PAIR = re.compile(r"(?<![^\s,;\[({])([A-Za-z][A-Za-z0-9_]{0,29})=(\"[^\"]*\"|[^\s,;\")\]]+)", re.ASCII)
_MAX_PAIRS = 15


def with_pairs(pattern: str, messages: Sequence[str]) -> str:
    """The pattern of a text with a group for each name that most messages give a value, in their order, which the group
    `message` contains. A line without one of them still matches."""
    found = [dict(PAIR.findall(text)) for text in messages]
    counts = Counter(name for pairs in found for name in pairs)
    common = [name for name, count in counts.items() if 2 * count > len(messages)][:_MAX_PAIRS]
    groups: list[str] = []
    for name in _in_one_order([name for name in common if f"(?P<{name}>" not in pattern], found):
        is_quoted = all(pairs[name].startswith('"') for pairs in found if name in pairs)
        value = f'"(?P<{name}>[^"]*)"' if is_quoted else rf'"?(?P<{name}>[^\s,;")\]]+)'
        groups.append(rf"(?:.*?\b{name}={value})?")
    return pattern.replace("(?P<message>.*)", f"(?P<message>{''.join(groups)}.*)")


def _in_one_order(names: Sequence[str], found: Sequence[dict[str, str]]) -> list[str]:
    """The names that are in one order wherever they occur."""
    kept: list[str] = []
    for name in names:
        more = [*kept, name]
        if all([one for one in pairs if one in more] == [one for one in more if one in pairs] for pairs in found):
            kept = more
    return kept


#: https://docs.snowplow.io/docs/fundamentals/canonical-event/understanding-the-enriched-tsv-format/
_SNOWPLOW = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
    v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid geo_country
    geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain
    ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery
    page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium
    refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action
    se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state
    tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min
    pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang br_features_pdf
    br_features_flash br_features_java br_features_director br_features_quicktime br_features_realplayer
    br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth
    br_viewheight os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
    dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base
    ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name
    event_format event_version event_fingerprint true_tstamp
"""
#: The names of the columns of files that have none, in their order, by the layout's title.
_HEADERS = {"Snowplow's enriched events": tuple(_SNOWPLOW.split())}


def header_of(columns: int) -> tuple[str, tuple[str, ...]]:
    """The title and the names of the known layout with so many columns; empty if no layout has so many."""
    return next((known for known in _HEADERS.items() if len(known[1]) == columns), ("", ()))
