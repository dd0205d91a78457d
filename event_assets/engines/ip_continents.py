"""Continents of IP addresses, offline: the country by a database, the continent by the table below.

Region codes are AF AN AS EU NA OC SA, and `Unknown` for private, reserved, unassigned and malformed addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from event_assets.errors import DeclarationError

UNKNOWN = "Unknown"

#: ISO 3166-1 countries by continent, as the GeoNames gazetteer places them; EU is the code of whole Europe.
_COUNTRIES = {
    "AF": """AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW
        MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW""",
    "AN": "AQ BV GS HM TF",
    "AS": """AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY
        NP OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE""",
    "EU": """AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES EU FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV
        MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK""",
    "NA": """AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV
        SX TC TT US VC VG VI""",
    "OC": "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS",
    "SA": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
}
CONTINENT = {country: continent for continent, countries in _COUNTRIES.items() for country in countries.split()}


class GeoDatabase:
    """The built-in database, or a MaxMind .mmdb file with country or city records.

    `version` names the database and its edition; partitions made with another one are stale.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._countries: Callable[[list[str]], Sequence[str | None]]
        if path is None:
            import iptocc

            self.version = f"iptocc {version('iptocc')}"
            self._countries = iptocc.country_code
        else:
            self.version, self._countries = _maxmind(path)

    def regions(self, columns: Sequence[Sequence[str | None]]) -> list[str]:
        """The region code of each address in the single column."""
        addresses = [_unmapped(address or "") for address in columns[0]]
        return [CONTINENT.get(country or "", UNKNOWN) for country in self._countries(addresses)]


def _maxmind(path: Path) -> tuple[str, Callable[[list[str]], list[str | None]]]:
    import maxminddb

    try:
        reader = maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise DeclarationError(
            "EVENT_ASSETS_GEO_DB", f"{path} can't be read ({error})", "name a MaxMind .mmdb file"
        ) from None

    @lru_cache(maxsize=1 << 18)
    def country(address: str) -> str | None:
        try:
            record: Any = reader.get(address)
        except ValueError:  # no address, or IPv6 in a database of IPv4
            return None
        found = record.get("country") or record.get("registered_country") if isinstance(record, dict) else None
        return found.get("iso_code") if found else None

    about = reader.metadata()
    return f"{about.database_type} {about.build_epoch}", lambda addresses: [country(a) for a in addresses]


def _unmapped(address: str) -> str:
    """`::ffff:8.8.8.8`, as servers that listen on IPv6 log an IPv4 address, without its prefix."""
    return address[7:] if address[:7].lower() == "::ffff:" and "." in address else address
