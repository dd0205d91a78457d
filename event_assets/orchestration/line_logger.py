"""A run's log as plain lines with times, for `event-assets run --log`."""

from __future__ import annotations

import logging
import sys

import dagster as dg

_FORMAT = "%(asctime)s - %(levelname)s - %(plain)s"


class _OwnLines(logging.Filter):
    """Passes the lines that the platform writes, without Dagster's events and the run's id in front of each."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {})
        record.plain = " ".join(str(meta.get("orig_message") or record.getMessage()).split())
        return meta.get("dagster_event") is None


def _line_logger(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("event_assets", logging.INFO if context.logger_config else logging.CRITICAL + 1)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_OwnLines())
    logger.addHandler(handler)
    return logger


#: Lines such as `2025-02-04 22:03:12,123 - INFO - Loaded 8,934 events ...` on standard error, where its config is true.
line_logger = dg.LoggerDefinition(_line_logger, config_schema=bool, description="Plain lines on standard error.")
