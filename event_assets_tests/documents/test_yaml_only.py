"""Public data sets of other shapes land through one YAML file each, without a line of Python."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from event_assets.declaration import Dataset, load_dataset
from event_assets.errors import DeclarationError
from event_assets_tests.documents.shipped import csv, landed, rows

GITHUB = """
type: event_assets.EventDataset
attributes:
  name: github
  description: Public events of a code host, an archive file an hour.
  start_date: 2011-02-12
  events:
    files: ["*.json"]
    format: ndjson
    time: {source: created_at}
    columns:
      - {name: id, required: true, description: "The event's own id."}
      - {name: user_id, source: actor.id, type: int64, required: true, description: "The account."}
      - {name: login, source: actor.login, personal: true, description: "The account's name."}
      - {name: event_type, source: type, required: true, description: "PushEvent, WatchEvent, ..."}
      - {name: repo, source: repo.name, description: "Owner and name of the repository."}
      - {name: commits, source: payload.size, type: int64, description: "Commits of a push."}
      - {name: public, type: bool, description: "Whether everybody may see it."}
      - {name: payload, type: json, description: "What the type of event has beside, JSON."}
  event_id: id
  sessions: {gap: 1h, column: repo}
  gold:
    daily_summary: {}
    top_users: {by: event_type, n: 1}
    events_by_type: {}
"""

PUSH = (
    '{"id":"2489651045","type":"PushEvent","actor":{"id":665991,"login":"petroav","url":"x"},'
    '"repo":{"id":28688495,"name":"petroav/6.828"},"payload":{"push_id":536863970,"size":1,"ref":"master",'
    '"commits":[{"sha":"4d2a","author":{"name":"Petro","email":"p@x"},"distinct":true}]},'
    '"public":true,"created_at":"2015-01-01T15:00:00Z"}'
)
WATCH = (
    '{"id":"2489651053","type":"WatchEvent","actor":{"id":11459345,"login":"seba"},"repo":{"id":1,"name":"n/o"},'
    '"payload":{"action":"started"},"public":true,"created_at":"2015-01-01T15:00:03Z","org":{"id":9}}'
)

REES46 = """
type: event_assets.EventDataset
attributes:
  name: cosmetics
  description: Behaviour in a multi-category store, a file a month.
  start_date: 2019-10-01
  events:
    files: ["2019-*.csv"]
    format: csv
    time: {source: event_time}
    columns:
      - {name: event_type, required: true, case: lower, description: "view, cart, remove_from_cart or purchase."}
      - {name: product_id, type: int64, description: "The product."}
      - {name: category_id, type: int64, description: "Its category, a number beyond 2^53."}
      - {name: category_code, description: "Its category as a path, where there is one."}
      - {name: brand, case: lower, description: "Its brand."}
      - {name: price, type: "decimal(18,2)", description: "Its price, below nought for a refund."}
      - {name: user_id, type: int64, required: true, description: "The visitor."}
      - {name: source_session_id, source: user_session, description: "The store's own session."}
  gold:
    top_users: {by: null, n: 2}
    events_by_type: {}
    user_funnel: {steps: [view, cart, purchase]}
"""


def of_yaml(folder: Path, text: str) -> Dataset:
    path = folder / "defs.yaml"
    path.write_text(text)
    return load_dataset(path)


def test_nested_events_an_object_a_line_land_from_packed_hourly_files(tmp_path: Path) -> None:
    content = gzip.compress(f"{PUSH}\n{WATCH}\n{PUSH}\n{{\n".encode(), mtime=0)
    world = landed(tmp_path, of_yaml(tmp_path, GITHUB), {"2015-01-01-15.json.gz": content})
    columns = ("event_id", "user_id", "login", "event_type", "repo", "commits", "public", "payload")
    assert rows(world, "joined_facts", *columns) == [
        (
            *("2489651045", 665991, "petroav", "PushEvent", "petroav/6.828", 1, True),
            '{"push_id":536863970,"size":1,"ref":"master",'
            '"commits":[{"sha":"4d2a","author":{"name":"Petro","email":"p@x"},"distinct":true}]}',
        ),
        ("2489651053", 11459345, "seba", "WatchEvent", "n/o", None, True, '{"action":"started"}'),
    ]
    assert rows(world, "top_users", "event_type", "rank", "user_id", "session_count") == [
        ("PushEvent", 1, 665991, 1),
        ("WatchEvent", 1, 11459345, 1),
    ]
    found = world.reconciled()
    assert (found.rejected_by_reason, found.duplicates, found.holds) == ({"malformed_record": 1}, 1, True)
    assert rows(world, "raw_events", "row_number", "extra")[1] == (2, '{"repo":{"id":1},"org":{"id":9}}')


def test_a_shop_file_with_times_in_utc_spelled_out_lands(tmp_path: Path) -> None:
    header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
    content = csv(
        header,
        "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00",
        "2019-10-01 00:00:30 UTC,cart,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00",
        "2019-10-01 00:01:00 UTC,purchase,44600062,2103807459595387724,,Shiseido,35.79,541312140,72d76fde-8bb3-4e00",
        "2019-10-01 00:00:01 UTC,view,17200506,2053013559792632471,furniture.living_room.sofa,,543.1,519107250,566511",
        "2019-10-01 00:00:05 UTC,remove_from_cart,1,2,,,-0.50,519107250,",
        "2019-10-01 00:00:05 PST,view,1,2,,,1,519107250,",
    )
    world = landed(tmp_path, of_yaml(tmp_path, REES46), {"2019-Oct.csv": content})
    assert rows(world, "cleaned_events", "user_id", "event_time", "event_type", "category_id", "brand", "price") == [
        (519107250, "2019-10-01 00:00:01+00:00", "view", 2053013559792632471, None, "543.10"),
        (519107250, "2019-10-01 00:00:05+00:00", "remove_from_cart", 2, None, "-0.50"),
        (541312140, "2019-10-01 00:00:00+00:00", "view", 2103807459595387724, "shiseido", "35.79"),
        (541312140, "2019-10-01 00:00:30+00:00", "cart", 2103807459595387724, "shiseido", "35.79"),
        (541312140, "2019-10-01 00:01:00+00:00", "purchase", 2103807459595387724, "shiseido", "35.79"),
    ]
    assert rows(world, "user_funnel", "user_id", "view_count", "cart_count", "purchase_count", "furthest_step") == [
        (519107250, 1, 0, 0, 1),
        (541312140, 1, 1, 1, 3),
    ]
    assert world.reconciled().rejected_by_reason == {"invalid_timestamp": 1}


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("format: ndjson", "format: nd_json", r"defs\.yaml: events\.format: .*did you mean ndjson\?"),
        ("event_id: id", "event_idd: id", r"defs\.yaml: event_idd: is not a key .*; did you mean event_id\?$"),
        ("event_id: id", "event_id: ident", r"defs\.yaml: .*event_id names no declared column: 'ident'; declared are "),
    ],
)
def test_a_mistake_in_the_yaml_is_one_line_that_names_file_key_and_remedy(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        of_yaml(tmp_path, GITHUB.replace(right, wrong))
