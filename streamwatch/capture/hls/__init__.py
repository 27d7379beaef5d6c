"""HLS, read by a poller of our own: playlists, renditions, keys, and no more bytes than a keyframe needs."""
