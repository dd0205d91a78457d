"""`event-assets dashboard`: the web page over the tables."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Annotated

import typer

DEFAULT_PORT = 8600


def dashboard(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to serve on; 0 chooses a free one.")
    ] = DEFAULT_PORT,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serves a web page over all tables, to this machine only, until Ctrl-C. The page can't change data.

    \b
    event-assets dashboard
    event-assets dashboard --port 9000 --open
    """
    import uvicorn

    from event_assets.dashboard.server import make_app
    from event_assets.settings import load_settings
    from event_assets.tables.catalog import load_datasets

    settings = load_settings()
    app = make_app(load_datasets(settings.datasets), settings)
    with _listening(port) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        typer.echo(f"{address}  (Ctrl-C ends it)")
        if open_browser:
            typer.launch(address)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        with suppress(KeyboardInterrupt):  # raised again by uvicorn once all is closed
            uvicorn.Server(config).run(sockets=[listener])
    typer.echo("stopped")


def _listening(port: int) -> socket.socket:
    """A socket that this machine alone can reach; EventAssetsError where the port is taken."""
    from event_assets.errors import EventAssetsError

    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise EventAssetsError(f"--port {port}", f"can't be served on ({error.strerror})", "choose another") from None
    return listener
