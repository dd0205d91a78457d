"""What lies in an inbox of an object store, and what is told when the store can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.errors import DeclarationError, EventAssetsError, LakeError
from event_assets.landing.inbox import NotReadyError, identify_object, look, on_disk
from event_assets.path_or_url import ObjectUrl, parse_place
from event_assets.settings import load_settings
from event_assets.storage.object_store import Objects, brief
from event_assets.warehouse.database_file import refresh
from event_assets.warehouse.query import read
from event_assets_tests.object_stores.store import KEY_ID, SECRET
from event_assets_tests.object_stores.world import ObjectWorld, put
from event_assets_tests.world import clicks, lines

A_CLICK = lines("ann,view,2025-01-06T10:00:00Z,/home,").encode()


def test_only_objects_right_below_the_datasets_key_are_its_files(bucket: ObjectUrl) -> None:
    for key in ("clicks_1.csv", "clicks_ä %2F#?.csv", "clicks_3.csv.tmp", ".hidden", "notes.txt", "old/clicks_0.csv"):
        put(bucket / "inbox" / "clicks", key, A_CLICK)
    put(bucket / "inbox" / "clicks-too", "clicks_9.csv", A_CLICK)
    found = look(bucket / "inbox" / "clicks", clicks())
    assert [dropped.name for dropped in found.files] == ["clicks_1.csv", "clicks_ä %2F#?.csv"]
    assert found.warnings == [
        "old is a directory and is left alone",
        "notes.txt matches no file pattern of clicks and is left alone",
    ]


def test_an_inbox_without_objects_is_empty(bucket: ObjectUrl) -> None:
    assert look(bucket / "inbox" / "clicks", clicks()).files == []


def test_any_name_is_landed_and_the_same_content_once(bucket: ObjectUrl, tmp_path: Path) -> None:
    world = ObjectWorld(tmp_path, bucket)
    world.drop("clicks_ä %2F#?.csv", A_CLICK)
    world.drop("clicks_1.csv", A_CLICK)
    found = world.land()
    assert [file.records for file in found.landed] == [1]
    assert world.land().landed == ()
    assert not list((tmp_path / "cache").rglob("source-*"))


def test_an_object_replaced_while_it_is_taken_waits_for_the_next_look(bucket: ObjectUrl, tmp_path: Path) -> None:
    inbox = bucket / "inbox" / "clicks"
    put(inbox, "clicks_1.csv", A_CLICK)
    [dropped] = look(inbox, clicks()).files
    identity = identify_object(dropped)
    with on_disk(dropped, identity, tmp_path) as (path, _):
        assert path.read_bytes() == A_CLICK
    put(inbox, "clicks_1.csv", A_CLICK * 2)
    assert look(inbox, clicks()).files[0].signature != dropped.signature
    with pytest.raises(NotReadyError, match="taken at the next look"):
        identify_object(dropped)
    with pytest.raises(NotReadyError, match="taken at the next look"), on_disk(dropped, identity, tmp_path):
        pass


def test_queries_read_copies_and_no_warehouse_file_is_made(bucket: ObjectUrl, tmp_path: Path) -> None:
    world = ObjectWorld(tmp_path, bucket)
    world.drop("clicks_1.csv", A_CLICK)
    world.refresh()
    other = ObjectWorld(tmp_path / "other", bucket)
    sql = "SELECT user_id, event_date::TEXT FROM clicks.sessions"
    rows = read(sql, {"clicks": other.dataset}, other.settings, lambda frames: [r for f in frames for r in f.rows()])
    assert rows == [("ann", "2025-01-06")]
    with pytest.raises(LakeError, match="can't hold views over s3://"):
        refresh({"clicks": other.dataset}, other.settings)


def test_an_error_of_the_store_is_one_line_without_credentials(bucket: ObjectUrl, tmp_path: Path) -> None:
    gone = ObjectUrl("no-such-bucket")
    world = ObjectWorld(tmp_path, gone)
    with pytest.raises(EventAssetsError) as failed:
        world.land()
    text = str(failed.value)
    assert text.startswith("s3://no-such-bucket/")
    assert "NoSuchBucket" in text
    assert len(text.splitlines()) == 1
    assert KEY_ID not in text
    assert SECRET not in text
    [warning] = look(gone / "inbox", clicks()).warnings
    assert "NoSuchBucket" in warning
    with pytest.raises(EventAssetsError, match="NoSuchBucket"):
        Objects(gone).create("a", b"1")


def test_what_a_store_says_of_a_key_is_cut_off() -> None:
    error = Exception(
        "Generic S3 error: Server returned non-2xx status code: 403 Forbidden: <?xml version='1.0'?>\n"
        f"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>"
    )
    assert brief(error) == ("Generic S3 error: Server returned non-2xx status code: 403 Forbidden: InvalidAccessKeyId")


@pytest.mark.parametrize(
    "url", ["gs://bucket/lake", "s3://", "s3://key:secret@bucket/lake", "s3://b/a/../c", "s3://b/?x=1"]
)
def test_a_url_that_is_not_plain_s3_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(DeclarationError) as failed:
        load_settings({"EVENT_ASSETS_LAKE": url})
    assert str(failed.value) == (
        "EVENT_ASSETS_LAKE: is no path and no plain URL of an s3:// store; set a folder or a URL such as s3://bucket/lake"
    )


def test_a_url_and_a_path_are_told_apart() -> None:
    assert str(parse_place("s3://bucket/some/lake/")) == "s3://bucket/some/lake"
    assert parse_place("s3://bucket") == ObjectUrl("bucket")
    assert parse_place("lake") == Path("lake").absolute()
