"""What the engine room relies on in Faust and aiokafka; an upgrade that changes it fails here, loudly."""

from __future__ import annotations

import inspect

import aiokafka
import faust
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.app.base import App
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage, Message
from mode.utils.queues import ThrowableQueue


def source(of: object) -> str:
    return inspect.getsource(of)  # type: ignore[arg-type]


def test_the_versions_are_those_that_were_read() -> None:
    assert faust.__version__ == "0.15.3"
    assert aiokafka.__version__.startswith("0.14.")


def test_the_fetcher_runs_drain_messages() -> None:
    assert "consumer._drain_messages(self)" in source(Fetcher._fetcher.fun)


def test_the_app_waits_for_the_consumer_before_partitions_go_and_at_stop() -> None:
    assert "_consumer_wait_empty" in source(App._on_partitions_revoked)
    assert "_consumer_wait_empty" in source(App._stop_consumer)
    assert "await consumer.wait_empty()" in source(App._consumer_wait_empty)


def test_the_app_asks_the_table_manager_for_a_recovery_and_nothing_else_of_it() -> None:
    assert "self.conf.TableManager(" in source(App)
    assert "self.recovery.on_rebalance" in source(TableManager.on_rebalance).replace("T(", "").replace(")", "")
    assert "self.recovery.on_partitions_revoked" in source(TableManager.on_partitions_revoked)
    assert "self.recovery.completed" in source(TableManager.wait_until_recovery_completed)


def test_resuming_after_a_rebalance_takes_the_steps_that_the_takeover_takes() -> None:
    resume = source(Recovery._resume_streams)
    for step in (
        "consumer.perform_seek()",
        "app.flow_control.resume()",
        "consumer.resume_flow()",
        "_fetcher.maybe_start()",
        "self.tables.on_actives_ready()",
        "app.on_rebalance_end()",
    ):
        assert step in resume, step


def test_seeking_asks_the_broker_anew_so_that_it_may_come_after_the_fence() -> None:
    assert "self._coordinator.fetch_committed_offsets" in source(aiokafka.AIOKafkaConsumer.committed)
    seek = source(aiokafka.AIOKafkaConsumer.seek_to_committed)
    assert "self.committed(tp)" in seek
    assert "if offset and offset > 0:" in seek, "without a committed offset it seeks nowhere; we then do"


def test_channels_are_found_by_topic_name() -> None:
    assert "_topic_name_index" in Conductor.__annotations__


def test_a_stream_skips_events_of_another_generation_by_acknowledging_them() -> None:
    read = source(Stream._py_aiter)
    assert "message.generation_id != self.app.consumer_generation_id" in read
    assert "if topic in acking_topics and not message.tracked" in read
    assert "event.ack()" in read


def test_messages_can_be_acknowledged_by_an_override() -> None:
    assert list(inspect.signature(Message.ack).parameters) == ["self", "consumer", "n"]
    assert issubclass(ConsumerMessage, Message)


def test_the_driver_lets_us_make_the_client_in_its_own_thread() -> None:
    assert "self._create_worker_consumer(transport)" in source(driver.AIOKafkaConsumerThread._create_consumer)
    assert "_new_consumer_thread" in source(driver.Consumer)
    assert list(inspect.signature(driver.AIOKafkaConsumerThread.getmany).parameters) == [
        "self",
        "active_partitions",
        "timeout",
    ]
    assert list(inspect.signature(Consumer._commit).parameters) == ["self", "offsets"]


def test_producers_make_batches_and_transactions() -> None:
    producer = aiokafka.AIOKafkaProducer
    assert "linger_ms" in inspect.signature(producer.__init__).parameters
    for method in ("create_batch", "send_batch", "begin_transaction", "send_offsets_to_transaction"):
        assert callable(getattr(producer, method))


def test_partitions_are_revoked_before_the_wait_and_waiting_events_are_dropped_without_a_word() -> None:
    revoke = source(App._on_partitions_revoked)
    steps = ("self.tables.on_partitions_revoked", "self.flow_control.clear", "self._consumer_wait_empty")
    assert sorted(steps, key=revoke.index) == list(steps)
    assert "ack" not in source(ThrowableQueue.clear)


def test_faust_never_asks_whether_the_group_coordinator_lives() -> None:
    assert "check_errors" in source(aiokafka.AIOKafkaConsumer.getmany)
    thread = source(driver.AIOKafkaConsumerThread.getmany) + source(driver.AIOKafkaConsumerThread._fetch_records)
    assert "check_errors" not in thread
    assert "self._pending_exception = exc" in source(GroupCoordinator._push_error_to_user)
    for name in ("_coordination_task", "_closing", "_pending_exception"):
        assert f"self.{name} = " in source(GroupCoordinator.__init__), name


def test_who_fetches_nothing_for_the_poll_interval_is_out_of_the_group_for_good() -> None:
    assert "max_poll_interval_ms" in inspect.signature(aiokafka.AIOKafkaConsumer.__init__).parameters
    assert "idle_time >= self._max_poll_interval" in source(GroupCoordinator.ensure_active_group)


def test_a_static_member_leaves_without_a_word_unless_it_forgets_its_instance_id() -> None:
    assert "self._consumer.stop()" in source(driver.AIOKafkaConsumerThread.on_thread_stop)
    assert "await self._maybe_leave_group()" in source(GroupCoordinator.close)
    assert "self.generation > 0 and self._group_instance_id is None" in source(GroupCoordinator._maybe_leave_group)
    assert "LeaveGroupRequest(self.group_id, self.member_id)" in source(GroupCoordinator._maybe_leave_group)
