"""Whose request it is."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from rest_framework.request import Request


def user_of(request: HttpRequest | Request) -> User:
    """Return the user who sent the request; no view runs without one."""
    return cast(User, request.user)  # OwnerMiddleware and IsAuthenticated let nobody else in
