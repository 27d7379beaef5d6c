"""Pictures out of one segment, three ways: its first keyframe, each keyframe that is due, or everything decoded."""

import functools
from dataclasses import dataclass, field

from streamwatch.capture.cutter import Cut, KeyPacket
from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.hls.extract import FirstPicture, Material, every_keyframe, first_picture, picture_of
from streamwatch.capture.hls.fetch import MAX_LONGER, Ranges, SegmentFetch
from streamwatch.capture.hls.full_decode import SegmentDecode
from streamwatch.capture.hls.keys import KeyRing
from streamwatch.capture.hls.playlist import ByteRange, Segment
from streamwatch.capture.hls.sampling import SegmentSampling
from streamwatch.capture.picture import DecodeFailed, Picture
from streamwatch.capture.sampler import Steps
from streamwatch.capture.timeline import Timeline
from streamwatch.network.session import GuardedSession, Reply
from streamwatch.records.capture import CapturePlan


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture and where it lies; ``coded`` is the keyframe that it was made of, where it was one."""

    picture: Picture
    media_time: float
    offset: float
    """Seconds after the segment's first picture."""
    coded: tuple[Cut, KeyPacket] | None


@dataclass(slots=True)
class Take:
    """What one segment gave."""

    received: float = 0.0
    """CLOCK_MONOTONIC when the last byte that was needed arrived."""
    began: float | None = None
    """Media time of the segment's first picture, as its timestamps have it."""
    cut: Cut | None = None
    shots: list[Shot] = field(default_factory=list)
    failures: list[DecodeFailed] = field(default_factory=list)


class SegmentTaker:
    """Fetches, cuts, decodes and times; every method raises SourceError when the segment cannot be had."""

    def __init__(
        self,
        plan: CapturePlan,
        decoders: DecoderPool,
        http: GuardedSession,
        *,
        sampling: SegmentSampling,
        timeline: Timeline,
        ranges: Ranges,
    ) -> None:
        self._plan = plan
        self._decoders = decoders
        self._http = http
        self._sampling = sampling
        self._timeline = timeline
        self._ranges = ranges
        self._steps = Steps()
        self._keys = KeyRing(self._fetch_small)

    async def first(self, segment: Segment, start: float, *, whole: bool) -> Take:
        """The first keyframe, from as few bytes as will do (or all of them). ``start``: media time, about."""
        cypher = await self._keys.cypher(segment)
        init = await self._keys.init_section(segment)
        whole = whole or not self._ranges.worthwhile(segment.duration)
        take = Take()
        async with self._fetch(segment, whole=whole) as fetch:
            wanted: int | None = None if whole else self._ranges.estimate
            while True:
                await fetch.grow(wanted)
                found = await self._first_picture(Material(init, fetch.data, cypher, fetch.complete), take)
                if found is None or found.cut.keys or fetch.complete:
                    break
                wanted = len(fetch.data) + max(100_000, len(fetch.data) // 2)
            take.received = fetch.received
        if found is None or not found.cut.keys:
            return take
        take.cut, key = found.cut, found.cut.keys[0]
        if not whole:
            self._ranges.learned(max(1, key.end - len(init)))
        media_time = self._place(take, key, start)
        self._sampling.saw_key(media_time)
        if found.failure is not None:
            take.failures.append(found.failure)
        elif found.picture is not None:
            self._add(take, found.picture, media_time, key)
        return take

    async def every(self, segment: Segment, start: float) -> Take:
        """Each keyframe that is due, from the whole segment."""
        material, received = await self._whole(segment)
        take = Take(received=received)
        try:
            found = await self._decoders.run(self._plan.stream, functools.partial(every_keyframe, material))
        except DecodeFailed as failure:
            take.failures.append(failure)
            return take
        take.cut = found
        self._sampling.saw_whole(len(found.keys))
        times = [self._place(take, key, start) for key in found.keys]
        end = start + segment.duration
        for key, media_time, following in zip(found.keys, times, [*times[1:], end], strict=True):
            self._sampling.saw_key(media_time)
            if not self._sampling.sampler.wants(media_time, max(0.0, following - media_time)):
                continue
            try:
                picture = await self._decoders.submit(
                    self._plan.stream,
                    functools.partial(picture_of, found=found, key=key, short_side=self._plan.short_side),
                )
            except DecodeFailed as failure:
                take.failures.append(failure)
            else:
                self._add(take, picture, media_time, key)
        return take

    async def full(self, segment: Segment, start: float) -> Take:
        """Every picture decoded, the due ones kept."""
        material, received = await self._whole(segment)
        take = Take(received=received)
        places: dict[float, float] = {}
        first: float | None = None

        def choose(pts: float) -> bool:
            nonlocal first
            first = pts if first is None else first
            media_time = self._timeline.place(pts, expected=start + pts - first)
            take.began = media_time if take.began is None else take.began
            if not self._sampling.sampler.wants(media_time, self._steps.saw(media_time)):
                return False
            self._sampling.sampler.took(media_time)
            places[pts] = media_time
            return True

        decode = SegmentDecode(material, self._plan.short_side, choose, interval=self._plan.interval)
        try:
            done = False
            while not done:
                turn = await self._decoders.submit(self._plan.stream, decode.turn)
                done = turn.done
                take.failures += [DecodeFailed("corrupt")] * turn.corrupt
                for pts, picture in turn.pictures:
                    take.shots.append(Shot(picture, places[pts], pts - (first or 0.0), None))
        except DecodeFailed as failure:
            take.failures.append(failure)
        finally:
            decode.close()
        if decode.codec:
            size = (decode.width, decode.height)
            take.cut = Cut(decode.container_name, decode.codec, None, *size, (), decode.pictures, first)
        return take

    async def _first_picture(self, material: Material, take: Take) -> FirstPicture | None:
        try:
            return await self._decoders.submit(
                self._plan.stream,
                functools.partial(first_picture, material=material, short_side=self._plan.short_side),
            )
        except DecodeFailed as failure:  # the work did not get its turn
            take.failures.append(failure)
            return None

    async def _whole(self, segment: Segment) -> tuple[Material, float]:
        cypher = await self._keys.cypher(segment)
        init = await self._keys.init_section(segment)
        async with self._fetch(segment, whole=True) as fetch:
            await fetch.grow(None)
        return Material(init, fetch.data, cypher, fetch.complete), fetch.received

    def _fetch(self, segment: Segment, *, whole: bool) -> SegmentFetch:
        return SegmentFetch(
            self._http,
            segment,
            self._ranges,
            within=self._plan.read_timeout + min(segment.duration, MAX_LONGER),
            limit=self._plan.max_segment_bytes,
            whole=whole,
        )

    async def _fetch_small(self, url: str, *, limit: int, byte_range: ByteRange | None = None) -> Reply:
        return await self._http.get(url, limit=limit, within=self._plan.read_timeout, byte_range=byte_range)

    def _place(self, take: Take, key: KeyPacket, start: float) -> float:
        """The key's media time, from its timestamp where it has one."""
        first = take.cut.first_pts if take.cut else None
        if key.pts is None or first is None:
            return start
        media_time = self._timeline.place(key.pts, expected=start + key.pts - first)
        if take.began is None:
            take.began = media_time - (key.pts - first)
        return media_time

    def _add(self, take: Take, picture: Picture, media_time: float, key: KeyPacket) -> None:
        assert take.cut is not None
        self._sampling.sampler.took(media_time)
        offset = (key.pts or 0.0) - (take.cut.first_pts or 0.0)
        take.shots.append(Shot(picture, media_time, offset, (take.cut, key)))
