"""`python -m event_assets` is `event-assets`."""

from event_assets.cli.main import main

if __name__ == "__main__":
    main()
