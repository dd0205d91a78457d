"""Failed runs on the page, as Dagster's web server lists them."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import graphql
import pytest
from dagster_graphql.schema import create_schema

from event_assets.dashboard.failed_runs import QUERY, failed_runs
from event_assets_tests.dashboard.conftest import served
from event_assets_tests.dashboard.test_server import got
from event_assets_tests.world import World


def run(number: int, status: str, job: str = "clicks", *assets: str) -> dict[str, Any]:
    paths = [{"path": asset.split(".")} for asset in assets]
    return {
        "runId": f"{number:08d}-x",
        "jobName": job,
        "status": status,
        "endTime": 60.0 * number,
        "assetSelection": paths or None,
    }


@contextmanager
def dagster_with(reply: bytes) -> Iterator[str]:
    """The address of a server that gives this reply to every query."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def listed(*runs: dict[str, Any]) -> list[str]:
    with dagster_with(json.dumps({"data": {"runsOrError": {"results": runs}}}).encode()) as url:
        return [found.name for found in failed_runs(url, "clicks")]


def test_the_query_fits_dagsters_schema() -> None:
    assert graphql.validate(create_schema().graphql_schema, graphql.parse(QUERY)) == []


def test_failures_count_until_the_job_or_the_same_selection_succeeds() -> None:
    one, other = "clicks.sessions", "clicks.daily_summary"
    assert listed(run(3, "FAILURE"), run(2, "SUCCESS"), run(1, "FAILURE")) == ["00000003"]
    assert listed(run(2, "SUCCESS", "shop"), run(1, "FAILURE")) == ["00000001"]
    assert listed(run(1, "FAILURE", "shop")) == []
    asked = [
        run(3, "SUCCESS", "__ASSET_JOB", one),
        run(2, "FAILURE", "__ASSET_JOB", one),
        run(1, "FAILURE", "__ASSET_JOB", other),
    ]
    assert listed(*asked) == ["00000001"]
    assert len(listed(*(run(number, "FAILURE") for number in range(20)))) == 5


@pytest.mark.parametrize("reply", [b"<html>", b"[]", b'{"data": null}', b'{"data": {"runsOrError": {}}}'])
def test_another_program_at_the_address_shows_no_runs(reply: bytes) -> None:
    with dagster_with(reply) as url:
        assert failed_runs(url, "clicks") == []


def test_the_page_links_failed_runs(world: World) -> None:
    reply = json.dumps({"data": {"runsOrError": {"results": [run(1, "FAILURE")]}}}).encode()
    with dagster_with(reply) as url:
        settings = dataclasses.replace(world.settings, dagster_url=url)
        with served({"clicks": world.dataset}, settings) as address:
            shown = got(address + "/clicks")[1]
    assert f'<a href="{url}/runs/00000001-x">run 00000001</a>, 1970-01-01 00:01 UTC' in shown
