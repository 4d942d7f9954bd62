"""`{% icon "name" %}`: line icons on a 20-unit grid, all of one weight, drawn inline."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

PATHS = {
    "agent": "M10 3v2.5M5.5 5.5h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-6a2 2 0 0 1 "
    "2-2zM7.5 9.5v1.5M12.5 9.5v1.5M1.5 9v3M18.5 9v3",
    "alert": "M10 6.5v4.5M10 13.7v.1M10 2.5l8 14.5H2z",
    "arrow-down": "M10 4v12M5 11l5 5 5-5",
    "arrow-up": "M10 16V4M5 9l5-5 5 5",
    "chat": "M3 4.5h14v9.5H9.5L6 17v-3H3z",
    "check": "M4 10.5l4 4 8-9",
    "chevron-down": "M5.5 8l4.5 4.5L14.5 8",
    "chevron-left": "M12 5l-5 5 5 5",
    "chevron-right": "M8 5l5 5-5 5",
    "clock": "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM10 6v4l3 2",
    "close": "M5 5l10 10M15 5L5 15",
    "compare": "M3 7h13M13 4l3 3-3 3M17 13H4M7 10l-3 3 3 3",
    "continue": "M4 5l6 5-6 5zM11 5l6 5-6 5z",
    "copy": "M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7",
    "cpu": "M5 5h10v10H5zM8 8h4v4H8zM8 2v3M12 2v3M8 15v3M12 15v3M2 8h3M2 12h3M15 8h3M15 12h3",
    "download": "M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13",
    "edit": "M4 16l.8-3.4L13.3 4a1.8 1.8 0 0 1 2.6 2.6l-8.5 8.6zM11.7 5.7l2.6 2.6",
    "gear": "M8.6 4.6l.1-2.1h2.6l.1 2.1 1.4.6 1.6-1.4 1.8 1.8-1.4 1.6.6 1.4 2.1.1v2.6l-2.1.1-.6 "
    "1.4 1.4 1.6-1.8 1.8-1.6-1.4-1.4.6-.1 2.1H8.7l-.1-2.1-1.4-.6-1.6 1.4-1.8-1.8 1.4-1.6-.6-1.4-2.1"
    "-.1V8.7l2.1-.1.6-1.4-1.4-1.6 1.8-1.8 1.6 1.4zM10 7.6a2.4 2.4 0 1 1 0 4.8 2.4 2.4 0 0 1 0-4.8z",
    "info": "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM10 9v4.8M10 6.3v.1",
    "menu": "M3 6h14M3 10h14M3 14h14",
    "moon": "M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z",
    "pause": "M6 4.5v11M14 4.5v11",
    "pin": "M7.5 3h5M8.2 3v5L6 11.2h8L11.8 8V3M10 11.2V17",
    "plus": "M10 4v12M4 10h12",
    "refresh": "M16 10a6 6 0 1 1-1.8-4.3M16.3 3v3.5h-3.5",
    "search": "M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13 13l4 4",
    "shield": "M10 2.5l6.5 2.3v4.7c0 3.8-2.7 6.6-6.5 8-3.8-1.4-6.5-4.2-6.5-8V4.8z",
    "star": "M10 3l2.1 4.5 4.9.6-3.6 3.4.9 4.9L10 14l-4.3 2.4.9-4.9L3 8.1l4.9-.6z",
    "stop": "M6 6h8v8H6z",
    "sun": "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2"
    "M4 4l1.4 1.4M14.6 14.6L16 16M4 16l1.4-1.4M14.6 5.4L16 4",
    "system": "M2.5 4h15v10h-15zM7 17h6M10 14v3",
    "thought": "M10 3a5 5 0 0 0-3 9c.6.5 1 1.2 1 2v.5h4V14c0-.8.4-1.5 1-2a5 5 0 0 0-3-9z"
    "M8.5 17.2h3",
    "tool": "M12.6 3.2a4 4 0 0 0-4.9 5.1L3 13v4h4l4.7-4.7a4 4 0 0 0 5.1-4.9l-2.6 2.6-2.6-.8"
    "-.8-2.6z",
    "trash": "M3.5 5.5h13M8 5.5V3.5h4v2M5.3 5.5l.7 11h8l.7-11M8.5 8.5v5M11.5 8.5v5",
    "upload": "M10 13V3.5M6 7l4-4 4 4M3.5 16.5h13",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon beside a word or inside a labelled button; screen readers skip it."""
    return format_html(
        '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="{}"/></svg>',
        mark_safe(PATHS[name]),
    )
