"""The embedded broker: librdkafka's in-memory cluster, for trying the system out without Kafka."""

import ctypes
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from confluent_kafka import cimpl
from confluent_kafka.admin import AdminClient

from schemas.topics import PARTITIONS

_PRODUCER: Final = 0  # rd_kafka_type_t
_TOPIC_EXISTS: Final = 36  # rd_kafka_resp_err_t
_ERROR_BYTES: Final = 256
_METADATA_TIMEOUT_S: Final = 10.0


class EmbeddedBroker:
    """One Kafka broker on loopback, inside this process, from its construction until ``close``.

    Any process of this machine may use it through ``bootstrap`` ("127.0.0.1:port"). It speaks
    enough of Kafka's protocol for producers and single-member consumer groups, and differs from
    a real broker in these ways:

    * It forgets everything at ``close`` and when its process ends.
    * Each partition keeps its newest 5 MB (or 100,000 batches) and drops what is older.
    * It has no CreateTopics and no topic settings: no compaction, no LogAppendTime. A record keeps
      the *producer's* timestamp; the stamp in an acknowledgement is a constant, of no meaning.
    * No transactions: it says yes to them, but fences nobody, drops the offsets sent with them
      and hands out aborted records, with checksums that aiokafka refuses.
    * A consumer group has room for one member: of two, the follower is often refused for good
      (InvalidRequest). Whoever joins after another left or was killed waits until the session
      timeout less a second has passed, so give consumers a short one (2 s) here.
    * kafka-python must be told ``api_version=(2, 0)`` and cannot consume; aiokafka and
      confluent-kafka can.

    confluent-kafka's own setting for this cluster makes the first consumer of every group wait
    three seconds; the C functions of rdkafka_mock.h, in the same wheel, let us say zero.
    """

    bootstrap: str

    def __init__(self) -> None:
        """Start the broker on a free port; takes about a millisecond.

        :raises RuntimeError: librdkafka could not start it.
        """
        self._library = _library()
        self._client = _silent_client(self._library)
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            message = "librdkafka could not start its in-memory broker"
            raise RuntimeError(message)
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def ensure(self, topics: Iterable[str]) -> None:
        """Make each topic exist with ``PARTITIONS`` partitions; existing topics keep their records.

        :raises RuntimeError: a topic could not be made or has another number of partitions.
        """
        names = list(topics)
        for name in names:
            error = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), PARTITIONS, 1)
            if error not in (0, _TOPIC_EXISTS):
                message = f"topic {name} could not be made: librdkafka's error {error}"
                raise RuntimeError(message)
        known = AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=_METADATA_TIMEOUT_S)
        for name in names:
            if (count := len(known.topics[name].partitions)) != PARTITIONS:
                message = f"topic {name} has {count} partitions, not {PARTITIONS}"
                raise RuntimeError(message)

    def close(self) -> None:
        """Stop the broker and forget its records; closing twice does nothing."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None

    def __enter__(self) -> Self:
        """Give the running broker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def _library() -> ctypes.CDLL:
    """Give librdkafka's functions, found through the extension module linked against it."""
    library = ctypes.CDLL(cimpl.__file__)
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (handle, []),
        "rd_kafka_conf_set": (ctypes.c_int, [handle, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (handle, [ctypes.c_int, handle, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_new": (handle, [handle, ctypes.c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_bootstraps": (text, [handle]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [handle, ctypes.c_int32]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [handle, text, ctypes.c_int, ctypes.c_int]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _silent_client(library: ctypes.CDLL) -> int:
    """Give the librdkafka client that hosts the cluster, with its own log off."""
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    settings = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(settings, b"log_level", b"0", error, _ERROR_BYTES)
    client: int | None = library.rd_kafka_new(_PRODUCER, settings, error, _ERROR_BYTES)
    if client is None:
        message = f"librdkafka could not start: {error.value.decode()}"
        raise RuntimeError(message)
    return client
