"""The recipe of the synthetic dataset `app_events`: events of an app's users in `user_events_YYYYMMDD.json` with
nested details, and `user_profiles.csv`.

Details vary by type as in the real sample: members that are there, null or left out. Until 18:00 prices are whole
numbers, in the evening they have a fraction.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from event_assets.synthetic import app_event_details as details
from event_assets.synthetic.json_records import json_lines, missing, text_member
from event_assets.synthetic.recipe import ProfileFile, Recipe
from event_assets.synthetic.seeded_random import Draw, Ints, mixed
from event_assets.synthetic.text_columns import PLACEHOLDER, one_of, replaced
from event_assets.synthetic.time_texts import DAY, invalid_time, lookup

#: Shares of records with an undeclared member `campaign` in details, and of user ids as text.
NEW_KEY, USER_AS_TEXT = 0.005, 0.01
#: Shares of users without a profile, with a second row, and of rows without a user or with a wrong date.
NO_PROFILE, SECOND_ROW, NO_USER, NO_DATE = 0.02, 0.01, 0.005, 0.005
#: Shares of events with the `anonymous_id` of the user's device but no user, with both, and of another user's device.
VISITOR, LOGIN, SHARED = 0.15, 0.03, 0.005
#: Every third file, from the first, has no purchases.
WITHOUT_PURCHASES_EVERY = 3
EVENING = 18 * 3_600

FIRST_NAMES = ("Ali", "Sara", "Reza", "Mina", "Hamid", "Zahra", "Omid", "Leila", "Åsa", "José", "نیما")
LAST_NAMES = ("Ahmadi", "Mohammadi", "Karimi", "Soltani", "Rezaei", "O'Brien", "Müller")
CITIES = ("Tehran", "Isfahan", "Shiraz", "Tabriz", "Mashhad", "Karaj", "Qom")


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    """type, what, how (places in WHATS and HOWS), number (0 where a type has none), two odd flags; and device, the
    anonymous id of the event (0 without), which is also the user of an event without a user."""
    rows = plan.height
    event = np.where(
        (plan["kind"] == "invalid_price").to_numpy(), details.PURCHASE, draw.choice(rows, details.TYPE_SHARES)
    )
    trait = draw.below(rows, 2**45)
    number = (trait >> 20) % details.NUMBER_SIZE[event]
    evening = (plan["time"].to_numpy() % DAY >= EVENING) & (event == details.PURCHASE)
    cents = 100 * (1 + number) + evening * np.array([50, 99, 5])[number % 3]
    new_key, user_as_text = (draw.chance(rows, share * mess) for share in (NEW_KEY, USER_AS_TEXT))
    user, device = _devices(draw, plan)
    return plan.with_columns(
        user=pl.Series(user),
        device=pl.Series(device),
        type=pl.Series(event.astype(np.int8)),
        what=pl.Series((details.WHAT_FIRST[event] + trait % details.WHAT_SIZE[event]).astype(np.int16)),
        how=pl.Series((details.HOW_FIRST[event] + (trait >> 10) % details.HOW_SIZE[event]).astype(np.int16)),
        number=pl.Series(np.where(event == details.PURCHASE, cents, number).astype(np.int32)),
        new_key=pl.Series(new_key),
        user_as_text=pl.Series(user_as_text),
    )


def _devices(draw: Draw, plan: pl.DataFrame) -> tuple[Ints, Ints]:
    """Each event's user (a visitor by the device), and the device that the event has."""
    user = plan["user"].to_numpy().astype(np.int64)
    own = details.DEVICES + user + 1
    known = ~plan["kind"].cast(pl.String).is_in(["missing_user_id", "invalid_user_id"]).to_numpy()
    way = draw.uniform(plan.height)
    visitor = (way < VISITOR) & known
    login = (way >= VISITOR) & (way < VISITOR + LOGIN) & known
    shared = (way >= 1 - SHARED) & known
    device = np.where(visitor | login, own, np.where(shared, details.DEVICES + 1 + user // 2, 0))
    return np.where(visitor, own - 1, user), device


def _settle(plan: pl.DataFrame, files: int) -> pl.DataFrame:
    """In a file without purchases those who would have bought have just opened the app."""
    if files == 1:
        return plan
    no_sale = (
        (pl.col("type") == details.PURCHASE)
        & (pl.col("file") % WITHOUT_PURCHASES_EVERY == 0)
        & (pl.col("kind") != "invalid_price")
    )
    opened = {"type": details.APP_OPEN, "what": len(details.WHATS) - 1, "how": len(details.HOWS) - 1, "number": 0}
    return plan.with_columns(
        pl.when(no_sale).then(pl.lit(value, plan.schema[name])).otherwise(name).alias(name)
        for name, value in opened.items()
    )


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, _: bool) -> pl.Series:
    number = (pl.col("user") + 1).cast(pl.String)
    user = pl.concat_str(
        pl.lit('"user_id": '), pl.when("user_as_text").then(pl.lit('"') + number + '"').otherwise(number)
    )
    user = pl.when(pl.col("user") < details.DEVICES).then(user)
    users = {"missing_user_id": missing("user_id"), "invalid_user_id": one_of(details.WRONG_USERS)}
    types = {"missing_event_type": missing("event_type"), "not_utf8": pl.lit(f'"event_type": "caf{PLACEHOLDER}"')}
    times = {
        "missing_timestamp": missing("timestamp"),
        "invalid_timestamp": text_member("timestamp", invalid_time()),
    }
    members = [
        replaced(chunk, user, users),
        replaced(chunk, lookup(details.TYPE_MEMBERS, pl.col("type")), types),
        replaced(chunk, text_member("timestamp", pl.col("stamp")), times),
        pl.concat_str(pl.lit('"details": '), details.details_of(chunk)),
    ]
    return json_lines(chunk, members)


def _profiles(draw: Draw, users: int, mess: float) -> ProfileFile:
    """Users in order; then second rows with another city (the last row of a user is valid); then malformed rows."""
    number = pl.Series("user", range(1, users + 1), dtype=pl.Int64)
    trait = mixed(number.to_numpy(), key=3)
    known = pl.DataFrame({"user": number, "salt": trait // 1_000, "kind": ["clean"] * users}).filter(
        pl.Series(trait % 1_000 >= NO_PROFILE * mess * 1_000)
    )
    pieces = [known]
    for kind, share in (("clean", SECOND_ROW), ("missing_user_id", NO_USER), ("invalid_registration_date", NO_DATE)):
        size = int(share * mess * users + 0.5) if known.height else 0
        chosen = known[draw.below(size, known.height)]
        pieces.append(chosen.with_columns(salt=pl.col("salt") + 1, kind=pl.lit(kind)))
    rows = pl.concat(pieces)
    salt, day = pl.col("salt"), pl.lit(dt.date(2020, 1, 1))
    date = (day + pl.duration(days=salt // 128 % 1_700)).cast(pl.Date).cast(pl.String)
    line = pl.concat_str(
        replaced(rows, pl.col("user").cast(pl.String), {"missing_user_id": pl.lit("")}),
        pl.concat_str(
            lookup(FIRST_NAMES, salt // 7 % len(FIRST_NAMES)),
            lookup(LAST_NAMES, salt // 77 % len(LAST_NAMES)),
            separator=" ",
        ),
        replaced(rows, date, {"invalid_registration_date": pl.lit("2022-13-45")}),
        lookup(CITIES, salt % len(CITIES)),
        separator=",",
    )
    lines = rows.select(line.alias("line"))["line"].to_list()
    wrapped = "".join(f'"{text}"\r\n' for text in ["user_id,name,registration_date,location", *lines])
    count = dict(rows["kind"].value_counts().iter_rows())
    truth = {
        "profile_records": rows.height,
        "profiles": known.height,
        "profile_missing_user_id": count.get("missing_user_id", 0),
        "profile_invalid_registration_date": count.get("invalid_registration_date", 0),
    }
    return ProfileFile("user_profiles.csv", b"\xef\xbb\xbf" + wrapped.encode(), truth)


def _figures(valid: pl.DataFrame, kept: pl.DataFrame, _mess: float) -> dict[str, int]:
    """Valid records, copies among them, with the new key; purchases; distinct records by traffic; persons, and those of
    humans; sessions, and how many have each channel; sessions of humans."""
    return {
        "new_key_records": int(valid["new_key"].sum()),
        "purchases": int((valid["type"] == details.PURCHASE).sum()),
        **{f"{kind}_facts": kept.filter(details.traffic_of() == kind).height for kind in ("human", "bot", "internal")},
        "persons": _persons(kept, kept["user"]),
        "human_persons": _persons(kept, kept.filter(details.traffic_of() == "human")["user"]),
        **_sessions_by_channel(kept),
        "human_sessions": _sessions(kept.filter(details.traffic_of() == "human")).height,
    }


def _persons(kept: pl.DataFrame, users: pl.Series) -> int:
    """Of how many persons some users are: a device with two users at most (itself as a visitor is one) is one's."""
    known: dict[int, int] = {}

    def first(user: int) -> int:
        while known.get(user, user) != user:
            user = known[user]
        return user

    by_device = kept.filter(pl.col("device") > 0).group_by("device").agg(pl.col("user").unique())
    for (linked,) in by_device.filter(pl.col("user").list.len() == 2).select("user").iter_rows():
        one, other = sorted(map(first, linked))
        known[other] = one
    return len({first(user) for user in users.unique()})


def _sessions(kept: pl.DataFrame) -> pl.DataFrame:
    """The user and the first instant of each session: pauses of 30 minutes at most."""
    pause = pl.col("instant").diff().over("user", order_by="instant")
    begins = pause.is_null() | (pause > 30 * 60 * 1_000_000)
    return kept.with_columns(begins=begins).filter("begins").select("user", "instant")


def _sessions_by_channel(kept: pl.DataFrame) -> dict[str, int]:
    """`sessions`, by the channel of their first event; where several events of other channels are the first at once,
    `ambiguous_sessions`."""
    listed = {"what": [what for what, _ in details.WHATS], "how": details.HOWS}
    tagged, sent = (
        pl.col(column).replace_strict(
            {place: details.CHANNELS.get(text or "") for place, text in enumerate(texts)}, return_dtype=pl.String
        )
        for column, texts in listed.items()
    )
    rows = kept.with_columns(channel=pl.coalesce(tagged, sent, pl.lit("Direct")))
    first = (
        rows.join(_sessions(kept), on=["user", "instant"]).group_by("user", "instant").agg(pl.col("channel").unique())
    )
    names = first.select(pl.when(pl.col("channel").list.len() == 1).then(pl.col("channel").list.first()))["channel"]
    counts = dict(names.fill_null("ambiguous").value_counts().iter_rows())
    kinds = [*dict.fromkeys([*details.TAGGED.values(), *details.SENDERS.values()]), "ambiguous"]
    by_channel = {f"{kind.lower().replace(' ', '_')}_sessions": counts.get(kind, 0) for kind in kinds}
    return {"sessions": first.height, **by_channel}


RECIPE = Recipe(
    stem="user_events",
    suffix="json",
    usual_form="zulu",
    rejects={
        "missing_timestamp": 0.001,
        "invalid_timestamp": 0.002,
        "malformed_record": 0.001,
        "not_utf8": 0.0005,
        "missing_user_id": 0.002,
        "invalid_user_id": 0.001,
        "missing_event_type": 0.0005,
        "invalid_price": 0.0002,
    },
    copies=0.005,
    key=tuple(pl.col(name) for name in ("instant", "user", "device", "type", "what", "how", "number", "new_key")),
    columns=_columns,
    lines=_lines,
    terminator="\r\n",
    array=True,
    settle=_settle,
    figures=_figures,
    profiles=_profiles,
)
