"""The long-running processes: topics, worker and database sink, each from settings alone."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import structlog
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from prometheus_client import REGISTRY, start_http_server
from sqlalchemy import Engine

from deploy.say import NotPossibleError
from deploy.settings import Settings
from deploy.topics import TopicState, check_topics, create_topics
from schemas.topics import WORKER_GROUP
from sinks.database import open_engine
from sinks.metrics import SinkMetrics
from sinks.runner import SinkSettings, run

log = structlog.get_logger()

_EMBEDDED_SESSION_S = 2.0  # whoever joins the embedded broker after another has left waits about this long
_PAUSES_S = (0.5, 1.0, 2.0, 5.0)
_PATIENCE_S = 20.0  # of a command that a person waits for


def broker_of(settings: Settings) -> str:
    """The broker's address.

    Raises:
        NotPossibleError: none is set.
    """
    if settings.bootstrap is None:
        raise NotPossibleError(
            "没有设置 Kafka 地址。请设置 HOTLINE_BOOTSTRAP（例如 127.0.0.1:9092），或用 `hotline demo` 试用",
            "No Kafka address is set. Set HOTLINE_BOOTSTRAP (for example 127.0.0.1:9092), or try `hotline demo`.",
        )
    return settings.bootstrap


def wait_for_broker(
    settings: Settings, patience_s: float = _PATIENCE_S, stop: Callable[[], bool] = lambda: False
) -> str:
    """Until the broker answers; says so while it does not.

    Raises:
        NotPossibleError: none is set, or it stayed away for ``patience_s``.
    """
    bootstrap = broker_of(settings)
    if settings.embedded:
        return bootstrap
    deadline = time.monotonic() + patience_s
    for attempt in range(10**9):
        try:
            KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=3000).close()
        except KafkaError as error:
            pause_s = _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]
            if stop() or time.monotonic() + pause_s > deadline:
                break
            log.warning("broker unreachable, will try again", bootstrap=bootstrap, error=str(error), pause_s=pause_s)
            time.sleep(pause_s)
        else:
            return bootstrap
    raise NotPossibleError(
        f"连接不上 Kafka（{bootstrap}）。请检查地址、网络，以及 Kafka 是否已启动",
        f"Kafka at {bootstrap} cannot be reached. Check the address, the network, and that it is running.",
    )


def run_topics(settings: Settings) -> list[TopicState]:
    """Create the topics that are missing and check all of them."""
    return create_topics(wait_for_broker(settings), settings.partitions, settings.replication)


def run_worker(settings: Settings) -> int:
    """Work until told to stop; the exit code is 0 then, and 70 when the process must be started again."""
    from stream_processors.worker import Worker, WorkerSettings  # noqa: PLC0415 (Faust takes a second to load)

    policies = settings.policies()
    bootstrap = wait_for_broker(settings, settings.broker_wait_s)
    if not settings.embedded:
        check_topics(bootstrap, settings.partitions)
    _serve_metrics(settings)
    session_s = _EMBEDDED_SESSION_S if settings.embedded else settings.session_timeout_s
    log.info("worker starts", bootstrap=bootstrap, group=WORKER_GROUP, policy_sets=list(policies))
    worker = Worker(
        WorkerSettings(
            bootstrap=bootstrap,
            worker_id=settings.worker_id,
            partitions=settings.partitions,
            embedded=settings.embedded,
            session_timeout_s=session_s,
            heartbeat_s=session_s / 6,
        ),
        policies,
    )
    return worker.run()


def run_sink(settings: Settings) -> int:
    """Write facts to the database until told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bootstrap = wait_for_broker(settings, settings.broker_wait_s, stop.is_set)
    _serve_metrics(settings)
    engine = ready_database(settings)
    session_s = _EMBEDDED_SESSION_S if settings.embedded else settings.session_timeout_s
    log.info("sink starts", bootstrap=bootstrap, database=engine.url.render_as_string(hide_password=True))
    sink = SinkSettings(bootstrap=bootstrap, session_timeout_ms=int(session_s * 1000))
    run(engine, sink, stop, SinkMetrics(REGISTRY))
    log.info("sink stopped")
    return 0


def ready_database(settings: Settings) -> Engine:
    """The database with its newest tables."""
    from sinks.migrate import upgrade  # noqa: PLC0415 (Alembic takes half a second to load)

    settings.folder.mkdir(parents=True, exist_ok=True)
    upgrade(settings.database)
    return open_engine(settings.database)


def _serve_metrics(settings: Settings) -> None:
    if settings.metrics_port:
        try:
            start_http_server(settings.metrics_port)
        except (OSError, OverflowError) as error:
            raise NotPossibleError(
                f"指标端口 {settings.metrics_port} 不能使用（{error}）。请更换 HOTLINE_METRICS_PORT，或设为 0 关闭指标",
                f"metrics cannot be served on port {settings.metrics_port}: {error}; choose another "
                "HOTLINE_METRICS_PORT, or 0 for none",
            ) from error
        log.info("metrics served", port=settings.metrics_port)
