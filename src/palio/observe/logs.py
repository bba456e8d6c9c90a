"""The log: one line an event on stderr, for people or as JSON."""

import logging
import sys
from datetime import UTC, datetime

import msgspec


def set_up_logs(level: str, *, json: bool) -> None:
    """Log everything at `level` (`debug`, `info`, `warning`, `error`) or above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # These tell every request and every step of their own.
    for chatty in ("httpx", "httpcore", "uvicorn", "uvicorn.error", "alembic", "PIL", "mcp", "sse_starlette"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
