"""Finds and calls the code server that started a run, such as to reload its definitions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

#: The server loads the definitions after the call is cut off, too.
_RELOAD_SECONDS = 1


def server_of(run: dg.DagsterRun) -> Mapping[str, Any] | None:
    """Where the server of a run listens; None of a run in a command's own process."""
    found: Mapping[str, Any] | None = json.loads(run.tags.get(GRPC_INFO_TAG, "null"))
    return found


def client_of(server: Mapping[str, Any]) -> Any:
    from dagster._grpc.client import DagsterGrpcClient  # loads gRPC, which a run by command needn't

    return DagsterGrpcClient(
        host=server["host"],
        port=server.get("port"),
        socket=server.get("socket"),
        use_ssl=server.get("use_ssl", False),
    )


def reload_definitions(run: dg.DagsterRun) -> bool:
    """Let the server of a run load its definitions again; the web page follows. Whether there is a server.

    A server of `dagster dev` or `dagster code-server start` does. One of `dagster api grpc` ignores it.
    """
    from dagster._core.errors import DagsterUserCodeUnreachableError

    server = server_of(run)
    if server is None:
        return False
    with suppress(DagsterUserCodeUnreachableError):
        client_of(server).reload_code(timeout=_RELOAD_SECONDS)
    return True
