"""Finds conversations and messages, and lists them in the sidebar; in the web process."""

from chat.search.listing import SHOWN, Entry, Group, conversation_groups, conversation_list
from chat.search.query import Query, query_read

__all__ = [
    "SHOWN",
    "Entry",
    "Group",
    "Query",
    "conversation_groups",
    "conversation_list",
    "query_read",
]
