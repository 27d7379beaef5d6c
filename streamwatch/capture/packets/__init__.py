"""Everything that is no HLS: one demuxing thread per stream, by libav."""
