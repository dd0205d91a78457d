"""The sensors and the assets of Dagster on an inbox and a lake in an object store."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from event_assets.orchestration import sensors
from event_assets.path_or_url import ObjectUrl
from event_assets_tests.object_stores.world import ObjectWorld
from event_assets_tests.orchestration.platform import Platform
from event_assets_tests.world import lines

pytestmark = pytest.mark.timeout(300)


class ObjectPlatform(ObjectWorld, Platform):
    def __init__(self, folder: Path, bucket: ObjectUrl) -> None:
        ObjectWorld.__init__(self, folder, bucket)
        self.instance = dg.DagsterInstance.ephemeral()


def test_a_dropped_object_is_carried_to_every_table_by_one_run(
    bucket: ObjectUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_ASSETS_INBOX", str(bucket / "inbox"))
    monkeypatch.setenv("EVENT_ASSETS_LAKE", str(bucket / "lake"))
    monkeypatch.setenv("EVENT_ASSETS_CACHE", str(tmp_path / "cache"))
    platform = ObjectPlatform(tmp_path, bucket)
    with platform.instance:
        platform.drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00,/a,1.00"))
        monkeypatch.setattr(sensors, "QUIET_SECONDS", 3600.0)
        assert "1 still being written" in platform.tick("clicks_new_files")
        monkeypatch.setattr(sensors, "QUIET_SECONDS", 0.0)
        [request] = platform.tick("clicks_new_files")
        assert isinstance(request, dg.RunRequest)
        assert platform.obey(request).success
        assert platform.table("top_users_overall")["user_id"].to_list() == ["ann"]
        assert "nothing new" in platform.tick("clicks_new_files")
        assert isinstance(platform.tick("clicks_new_files"), str)
