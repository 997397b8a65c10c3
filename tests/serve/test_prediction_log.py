"""The prediction log: frames, segments, counting, torn tails, full disks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue, StoreUnavailable, UnreadableData
from holdfast.serve import Answered, LabelRecord, PredictionLog, Source
from holdfast.serve._frames import MAGIC, frame, frames, read_content, read_prediction, whole_length
from holdfast.serve._segment import OPEN, SEALED, segment_files

SOURCE = Source("tumour", "v1", "champion", ("age", "dose"), ("sex",), ("benign", "malignant"), 2)


def answered(id: str = "a", n: int = 1, source: Source = SOURCE) -> Answered:
    return Answered(
        source=source,
        ids=[id],
        sizes=[n],
        times=[1.8e9],
        latencies=[0.001],
        numbers=np.arange(2 * n, dtype=np.float32).reshape(n, 2),
        texts=[["f"] * n],
        score=np.full((n, 2), 0.5, np.float32),
        decision=np.ones(n, np.uint16),
    )


def ids(folder: Path) -> list[str]:
    return [
        id for path in segment_files(folder) for each in read_content(path.read_bytes()).predictions for id in each.ids
    ]


def test_what_was_appended_is_read_back_whole(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("a", 2), answered("b", 1)])
    log.append_labels([LabelRecord("a", 1, "tumour", "benign", 1.8e9)])
    content = read_content(segment_files(tmp_path)[0].read_bytes())
    first = content.predictions[0]
    assert (first.ids, first.sizes, first.source) == (["a"], [2], SOURCE)
    assert first.numbers.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert first.texts == [["f", "f"]]
    assert first.decision is not None
    assert first.decision.tolist() == [1, 1]
    assert content.labels[0]["label"] == "benign"
    assert (log.count(), log.count_labels()) == (3, 1)
    log.close()


def test_the_latency_tells_the_commit_too(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("a")])
    log.append([answered("b")])
    log.close()
    content = read_content(segment_files(tmp_path)[0].read_bytes())
    assert all(each.latencies[0] > 0.001 for each in content.predictions)


def test_what_is_seen_while_it_is_written_is_a_whole_number_of_frames(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("a")])
    data = segment_files(tmp_path)[0].read_bytes()
    assert data.endswith(bytes(1000))
    assert 0 < whole_length(data) < 1000
    assert PredictionLog(tmp_path).count() == 1
    log.close()


def test_closing_seals_the_segment_and_cuts_the_room_ahead(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("a")])
    log.close()
    (path,) = segment_files(tmp_path)
    assert path.suffix == SEALED
    assert whole_length(path.read_bytes()) == path.stat().st_size


def test_an_empty_log_leaves_no_segment(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([])
    log.close()
    assert segment_files(tmp_path) == []
    assert log.count() == 0


def test_a_segment_is_sealed_by_size_and_the_next_one_opened(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, limit_bytes=1000)
    for index in range(20):
        log.append([answered(f"id-{index}")])
    log.close()
    assert len(segment_files(tmp_path)) > 2
    assert ids(tmp_path) == [f"id-{index}" for index in range(20)]


def test_a_segment_is_sealed_by_age(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, limit_s=1e-9)
    log.append([answered("a")])
    log.flush()
    assert [path.suffix for path in segment_files(tmp_path)] == [SEALED]
    log.close()


def test_deferred_predictions_go_with_the_next_flush(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.defer([answered("shadow")])
    assert log.count() == 0
    log.flush()
    assert log.count() == 1
    log.close()


def test_threads_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)

    def work(number: int) -> None:
        for index in range(25):
            log.append([answered(f"{number}-{index}")])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    log.close()
    found = ids(tmp_path)
    assert len(found) == len(set(found)) == 200


def test_a_torn_tail_is_cut_and_everything_before_it_kept(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("a"), answered("b")])
    (path,) = segment_files(tmp_path)
    data = path.read_bytes()[: whole_length(path.read_bytes())]
    log.close()
    for cut in range(len(data)):
        found = [id for each in read_content(data[:cut]).predictions for id in each.ids]
        assert found in ([], ["a"])
    assert [id for each in read_content(data).predictions for id in each.ids] == ["a", "b"]


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_never_gives_a_wrong_prediction(position: int, bit: int) -> None:
    data = bytearray(
        MAGIC + frame(SOURCE.payload(0)) + frame(answered("a").payload(0)) + frame(answered("b").payload(0))
    )
    data[position % len(data)] ^= 1 << bit
    found = [id for each in read_content(bytes(data)).predictions for id in each.ids]
    assert found in ([], ["a"])


@given(data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_as_far_as_they_hold(data: bytes) -> None:
    assert list(frames(MAGIC + data)) == []
    assert read_content(data).predictions == []


def test_a_prediction_that_lies_about_its_length_is_refused() -> None:
    payload = answered("a").payload(0)
    with pytest.raises(UnreadableData):
        read_prediction(payload[:-3], {0: SOURCE})
    with pytest.raises(UnreadableData, match="model number 0"):
        read_prediction(payload, {})


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[2])))
import numpy as np
from holdfast.serve import Answered, PredictionLog, Source
source = Source("m", "v", "champion", ("x",), (), (), 1)
log = PredictionLog(Path(sys.argv[1]), limit_bytes=3000)
one = np.zeros((1, 1), np.float32)
for index in range(10**9):
    log.append([Answered(source, [str(index)], [1], [0.0], [0.0], one, (), one, None)])
    print(index, flush=True)
"""


def test_every_acknowledged_prediction_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(60)]
        child.kill()
        lines += child.stdout.readlines()
    acknowledged = [line.strip() for line in lines if line.endswith("\n")]
    log = PredictionLog(tmp_path)
    log.recover()
    assert all(path.suffix == SEALED for path in segment_files(tmp_path))
    found = ids(tmp_path)
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1
    assert log.count() == len(found)


def test_a_live_writers_segment_is_left_alone_by_recovery(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("a")])
    assert PredictionLog(tmp_path).recover() == []
    assert [path.suffix for path in segment_files(tmp_path)] == [OPEN]
    log.append([answered("b")])
    log.close()
    assert ids(tmp_path) == ["a", "b"]


def full(_handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([answered("before")])
    assert log.writer._file is not None
    log.writer._file.sync = full
    with pytest.raises(StoreUnavailable, match="No space left"):
        log.append([answered("lost")])
    log.append([answered("after")])
    log.close()
    assert ids(tmp_path) == ["before", "after"]


def test_every_caller_of_a_failed_group_is_told(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.writer.sync = full
    errors: list[Any] = []

    def work() -> None:
        try:
            log.append([answered("x")])
        except StoreUnavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(errors) == 4
    assert PredictionLog(tmp_path).count() == 0


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="positive limits"):
        PredictionLog(tmp_path, limit_bytes=0)
    with pytest.raises(InvalidValue, match="commit"):
        PredictionLog(tmp_path, sync="never")


def test_leaving_the_disk_to_the_tick_keeps_every_append(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, sync="tick")
    log.append([answered("a")])
    log.flush()
    log.append([answered("b")])
    log.close()
    assert ids(tmp_path) == ["a", "b"]
