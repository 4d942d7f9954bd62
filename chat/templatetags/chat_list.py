"""`{% chat_list %}`: the chats beside a page that is not the chat's own."""

from __future__ import annotations

from django import template
from django.template import Context as TemplateContext

from chat.context import Context, sidebar
from common.web.users import user_of

register = template.Library()


@register.inclusion_tag("chat/_sidebar.html", takes_context=True)
def chat_list(context: TemplateContext) -> Context:
    return sidebar(user_of(context["request"]))
