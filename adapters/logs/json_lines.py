"""Logs as lines of JSON on standard error, for every process of ours: ids and numbers, never labels or images."""

import logging
import sys
from collections.abc import Sequence

import structlog

from adapters.logs.repeats import RepeatFilter

EVERYBODY = ("",)


def configure_json_lines(level: str, loud: Sequence[str] = EVERYBODY, fields: Sequence[str] = ()) -> None:
    """Sends structlog's and the standard library's records through one handler, warnings of one kind now and then.

    The loggers in `loud` write from `level` on, all others what is wrong. `fields` are what records of the standard
    library may have besides their text (`extra`).
    """
    shared = shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )
    logging.basicConfig(handlers=[json_handler(shared, fields)], level=logging.WARNING, force=True)
    for name in loud:
        logging.getLogger(name).setLevel(level.upper())
    logging.captureWarnings(True)


def shared_processors() -> list[structlog.typing.Processor]:
    """What every record gets, whoever writes it; what is bound to the context is in each line of a shard."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]


def json_handler(shared: Sequence[structlog.typing.Processor], fields: Sequence[str]) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=fields)],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(RepeatFilter())
    return handler
