"""streamwatch: watches live HLS and RTMP streams with two models and says when it cannot see."""

__version__ = "0.1.0"
