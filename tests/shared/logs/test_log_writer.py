"""The writer thread of the logs: in order, bounded, counted, and never in the way of the caller or of the exit."""

import os
import time

import pytest
from prometheus_client import CollectorRegistry

from shared.logs.rendering import render_json
from shared.logs.writer import MAX_QUEUED_CHARACTERS, LineLogger, LogWriter

LINE = "x" * 999 + "\n"
QUEUED = MAX_QUEUED_CHARACTERS // len(LINE)


class Pipe:
    """A writer on a pipe, which `read` reads."""

    def __init__(self):
        self.reading, self.writing = os.pipe()
        self.writer = LogWriter(self.writing, render=render_json, report_dropped=lambda count: f"dropped {count}\n")
        self._registry = CollectorRegistry()
        self._registry.register(self.writer)

    def dropped(self):
        return self._registry.get_sample_value("sallyport_log_lines_dropped_total")

    def read(self):
        return os.read(self.reading, 65536).decode()

    def read_until(self, wanted):
        text = ""
        while wanted not in text:
            text += self.read()
        return text


@pytest.fixture
def pipe():
    made = Pipe()
    yield made
    made.writer.close(deadline_seconds=0)
    os.close(made.reading)


def wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def block(pipe):
    """Write until the thread is stuck in the pipe and the queue is full."""
    pipe.writer.start()
    pipe.writer.write(LINE * 100)
    wait_until(lambda: not pipe.writer._lines)
    for _ in range(QUEUED + 1):
        pipe.writer.write(LINE)


def test_lines_are_written_in_order_and_all_of_them_before_the_end(pipe):
    pipe.writer.start()
    for number in range(2000):
        pipe.writer.write(f"{number}\n")
    pipe.writer.close()
    assert pipe.read() == "".join(f"{number}\n" for number in range(2000))
    assert pipe.dropped() == 0


def test_lone_surrogates_are_escaped(pipe):
    pipe.writer.start()
    pipe.writer.write("\ud800é\n")
    assert pipe.read() == "\\ud800é\n"


def test_what_finds_the_queue_full_is_dropped_counted_and_reported_once(pipe):
    block(pipe)
    pipe.writer.write(LINE)
    assert pipe.dropped() == 2
    text = pipe.read_until("dropped")
    pipe.writer.write("afterwards\n")
    text += pipe.read_until("afterwards\n")
    assert text.endswith("x\ndropped 2\nafterwards\n")
    assert text.count("\n") == 100 + QUEUED + 2
    assert pipe.dropped() == 2


def test_a_stream_that_nothing_reads_does_not_delay_the_end(pipe):
    block(pipe)
    started = time.monotonic()
    pipe.writer.close(deadline_seconds=0.1)
    assert time.monotonic() - started < 1


def test_a_stream_that_fails_costs_the_lines_and_is_tried_again(pipe):
    kept = os.dup(pipe.writing)
    os.dup2(os.open("/dev/full", os.O_WRONLY), pipe.writing)
    pipe.writer.start()
    pipe.writer.write("lost\n")
    wait_until(lambda: pipe.dropped() == 1)
    os.dup2(kept, pipe.writing)
    pipe.writer.write("found\n")
    assert pipe.read_until("dropped 1\n") == "found\ndropped 1\n"


def test_a_stream_that_does_not_block_is_waited_for(pipe):
    os.set_blocking(pipe.writing, False)
    block(pipe)
    pipe.read_until("dropped 1\n")
    pipe.writer.write("afterwards\n")
    assert pipe.read_until("\n") == "afterwards\n"


def test_lines_after_the_end_are_counted_as_dropped(pipe):
    pipe.writer.start()
    pipe.writer.close()
    pipe.writer.write("late\n")
    assert pipe.dropped() == 1


@pytest.fixture
def long_pause(monkeypatch):
    monkeypatch.setattr("shared.logs.writer.PAUSE_SECONDS", 60)


@pytest.fixture
def paused(long_pause, pipe):
    """A writer that has written a first line and pauses."""
    pipe.writer.start()
    pipe.writer.write("first\n")
    assert pipe.read() == "first\n"
    return pipe


def test_a_line_after_a_pause_is_written_at_once(long_pause, pipe):
    pipe.writer.start()
    pipe.writer.write("first\n")
    assert pipe.read() == "first\n"


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_a_warning_is_written_at_once_with_the_lines_before_it(paused, level):
    logger = LineLogger(paused.writer)
    logger.info("a request")
    getattr(logger, level)("a warning")
    assert paused.read_until("warning\n") == "a request\na warning\n"


@pytest.mark.parametrize("level", ["debug", "info"])
def test_other_lines_wait_for_each_other(paused, level):
    getattr(LineLogger(paused.writer), level)("a request")
    assert not paused.writer._urgent
    assert paused.writer._lines == ["a request\n"]


def test_a_pause_ends_before_lines_fill_the_queue(paused):
    for _ in range(QUEUED // 2):
        paused.writer.write(LINE)
    assert paused.read_until(LINE)
    assert paused.dropped() == 0


def test_the_end_does_not_wait_for_a_pause(paused):
    paused.writer.write("last\n")
    started = time.monotonic()
    paused.writer.close()
    assert time.monotonic() - started < 1
    assert paused.read() == "last\n"
