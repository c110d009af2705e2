"""Sockets: which consumer an address has, and who may open one."""

from __future__ import annotations

from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import re_path

from playground.consumers.run import RunConsumer
from playground.throttle import SocketLimit

# Also what comes by HTTP (playground/conversation.py), so that an address has one number of connections.
limited = SocketLimit(URLRouter([re_path(r"^ws/run$", RunConsumer.as_asgi())]))
# An Origin that is not one of ALLOWED_HOSTS is refused with 403, and so is none at all.
websocket = AllowedHostsOriginValidator(limited)
