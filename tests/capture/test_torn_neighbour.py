"""A fetch that ends inside the picture after the keyframe says nothing bad about the keyframe."""

import io

import av

from streamwatch.capture.cutter import cut
from tests.media import Look, segment


def with_bounded_packets(data: bytes) -> bytes:
    """The same MPEG-TS with a length in each PES header, as nginx-rtmp writes it."""
    target = io.BytesIO()
    options = {"omit_video_pes_length": "0", "mpegts_copyts": "1"}
    with av.open(io.BytesIO(data), "r") as source, av.open(target, "w", format="mpegts", options=options) as output:
        incoming = source.streams.video[0]
        outgoing = output.add_stream_from_template(incoming)
        for packet in source.demux(incoming):
            if packet.size:
                packet.stream = outgoing
                output.mux(packet)
    return target.getvalue()


def test_the_keyframe_is_whole_and_undamaged_wherever_the_fetch_ends() -> None:
    data = with_bounded_packets(segment(0, 20, Look(noise=90)))
    whole = cut(data, complete=True, first_only=True).keys[0]
    assert not whole.damaged
    cuts = range(whole.end + 400, len(data), 400)
    found = [cut(data[:size], complete=False, first_only=True).keys for size in cuts]
    assert len(found) > 20
    assert all(keys and keys[0].data == whole.data for keys in found)
    assert not any(keys[0].damaged for keys in found)
