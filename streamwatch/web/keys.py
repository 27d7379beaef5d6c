"""What handlers note down on a request for those outside of them."""

from typing import Final

from aiohttp import web

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""``req_...``, as the answer says."""
CLIENT: Final = web.RequestKey("client", str)
"""The user who was let in; for the access log."""
