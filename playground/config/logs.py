"""Log lines as JSON objects, for programs that collect them (LOG_FORMAT=json)."""

from __future__ import annotations

import datetime
import json
import logging


class JsonFormatter(logging.Formatter):
    """{"time", "level", "logger", "message"}, with "run" (the id of a run) and "traceback" where there is one.

    What users send is never logged; messages are ours, and names in them are cut by who writes them.
    """

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        run = getattr(record, "run", None)
        if isinstance(run, str):
            found["run"] = run
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False)
