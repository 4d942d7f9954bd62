"""`{% run_socket run.id %}`: the address where a page follows a run."""

from __future__ import annotations

from django import template

from agents.routing import run_socket

register = template.Library()
register.simple_tag(run_socket)
