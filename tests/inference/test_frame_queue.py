"""The frame queue: bounds, fairness, order, and that no frame is lost or doubled."""

import random

import pytest

from streamwatch.inference.frame_queue import FrameQueue, Waiting
from tests.inference.tiny_model import frame


def waiting(stream: str, sequence: int, queued_at: float | None = None) -> Waiting:
    return Waiting(frame(stream, sequence), float(sequence) if queued_at is None else queued_at)


def ids(taken: list[Waiting]) -> list[str]:
    return [entry.frame.id for entry in taken]


def queue(*, frames: int = 100, per_stream: int = 10, uploads: int = 8) -> FrameQueue:
    return FrameQueue(frames=frames, per_stream=per_stream, uploads=uploads)


def test_streams_take_turns_however_many_frames_one_of_them_has() -> None:
    q = queue()
    for sequence in range(6):
        q.put(waiting("flood", sequence))
    q.put(waiting("quiet", 0))
    q.put(waiting("calm", 0))
    assert ids(q.take(4)) == ["flood-0-0", "quiet-0-0", "calm-0-0", "flood-0-1"]


def test_the_turn_goes_on_where_the_last_batch_ended() -> None:
    q = queue()
    for stream in "abc":
        for sequence in range(2):
            q.put(waiting(stream, sequence))
    assert ids(q.take(2)) == ["a-0-0", "b-0-0"]
    assert ids(q.take(2)) == ["c-0-0", "a-0-1"]
    assert ids(q.take(9)) == ["b-0-1", "c-0-1"]


def test_a_flooding_stream_drops_its_own_oldest_frame() -> None:
    q = queue(per_stream=2)
    q.put(waiting("quiet", 0))
    dropped = [q.put(waiting("flood", sequence)) for sequence in range(4)]
    assert [entry.frame.id if entry else None for entry in dropped] == [None, None, "flood-0-0", "flood-0-1"]
    assert ids(q.take(9)) == ["quiet-0-0", "flood-0-2", "flood-0-3"]


def test_when_all_is_full_the_stream_with_most_frames_gives_its_oldest() -> None:
    q = queue(frames=4, per_stream=3)
    for sequence in range(3):
        q.put(waiting("greedy", sequence))
    q.put(waiting("a", 0))
    dropped = q.put(waiting("b", 0))
    assert dropped is not None
    assert dropped.frame.id == "greedy-0-0"
    assert len(q) == 4


def test_among_equals_the_stalest_frame_gives_way() -> None:
    q = queue(frames=2, per_stream=3)
    q.put(waiting("late", 0, queued_at=5.0))
    q.put(waiting("early", 0, queued_at=4.0))
    dropped = q.put(waiting("new", 0, queued_at=6.0))
    assert dropped is not None
    assert dropped.frame.stream == "early"
    assert ids(q.take(9)) == ["late-0-0", "new-0-0"]


def test_streams_that_always_come_in_one_burst_take_turns_when_there_is_room_for_few() -> None:
    q = queue(frames=4, per_stream=1)
    served: list[str] = []
    for burst in range(6):
        for stream in range(20):
            q.put(waiting(f"s{stream}", burst, queued_at=burst + stream / 100))
        served += [entry.frame.stream for entry in q.take(4)]
    assert len(set(served)) == 20


def test_oldest_looks_at_every_lane() -> None:
    q = queue()
    assert q.oldest is None
    q.put(waiting("a", 0, queued_at=7.0))
    q.put_upload(waiting("api", 0, queued_at=6.0))
    assert q.oldest == 6.0
    q.put(waiting("b", 0, queued_at=5.0))
    assert q.oldest == 5.0


def test_uploads_fill_what_live_frames_leave() -> None:
    q = queue()
    for sequence in range(5):
        q.put_upload(waiting("api", sequence))
    q.put(waiting("live", 0))
    assert ids(q.take(4)) == ["live-0-0", "api-0-0", "api-0-1", "api-0-2"]


@pytest.mark.parametrize("batch", [1, 2, 8, 32])
def test_waiting_uploads_get_one_place_in_eight_beside_a_flood(batch: int) -> None:
    q = queue(frames=64, per_stream=64, uploads=4)
    streams: list[str] = []
    most = 0
    for round_ in range(640 // batch):
        for sequence in range(batch):
            q.put(waiting("live", round_ * batch + sequence))
        while q.put_upload(waiting("api", round_)):
            pass
        taken = [entry.frame.stream for entry in q.take(batch)]
        most = max(most, taken.count("api"))
        streams += taken
    assert most == 1
    expected = len(streams) / max(8, batch)
    assert expected - 1 <= streams.count("api") <= expected + 1


def test_a_full_upload_lane_refuses() -> None:
    q = queue(uploads=2)
    assert q.put_upload(waiting("api", 0))
    assert q.put_upload(waiting("api", 1))
    assert not q.put_upload(waiting("api", 2))


def test_forgetting_a_stream_leaves_uploads_of_that_name_alone() -> None:
    q = queue()
    for sequence in range(2):
        q.put(waiting("gone", sequence))
    q.put_upload(waiting("gone", 7))
    q.put(waiting("stays", 0))
    assert ids(q.forget("gone")) == ["gone-0-0", "gone-0-1"]
    assert q.forget("gone") == []
    assert ids(q.take(9)) == ["stays-0-0", "gone-0-7"]


def test_an_upload_can_be_withdrawn_once() -> None:
    q = queue()
    twins = [waiting("api", 0), waiting("api", 0)]
    for twin in twins:
        q.put_upload(twin)
    assert q.withdraw(twins[1])
    assert not q.withdraw(twins[1])
    assert q.take(9) == [twins[0]]
    assert not q.withdraw(twins[0])


@pytest.mark.parametrize("seed", range(20))
def test_every_frame_leaves_exactly_once_and_in_order(seed: int) -> None:
    rng = random.Random(seed)
    bound, per_stream = rng.randint(1, 12), rng.randint(1, 5)
    q = queue(frames=bound, per_stream=per_stream, uploads=4)
    entered: list[str] = []
    left: list[str] = []
    next_sequence = dict.fromkeys("abcdef", 0)
    for step in range(400):
        action = rng.random()
        if action < 0.6:
            stream = rng.choice("aaabcdef")
            entry = waiting(stream, next_sequence[stream], queued_at=float(step))
            next_sequence[stream] += 1
            entered.append(entry.frame.id)
            dropped = q.put(entry)
            if dropped:
                left.append(dropped.frame.id)
        elif action < 0.7:
            entry = waiting("upload", step)
            if q.put_upload(entry):
                entered.append(entry.frame.id)
        elif action < 0.75:
            left += ids(q.forget(rng.choice("abcdef")))
        else:
            before = len(q)
            taken = q.take(limit := rng.randint(1, 8))
            assert len(taken) == min(limit, before)
            left += ids(taken)
        assert len(q) <= bound + 4
    left += ids(q.drain())
    assert len(q) == 0
    assert sorted(left) == sorted(entered)
    for stream in "abcdef":
        sequences = [int(name.rsplit("-", 1)[1]) for name in left if name.startswith(f"{stream}-")]
        assert sequences == sorted(sequences)


def test_bounds_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        queue(per_stream=0)
