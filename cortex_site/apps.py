"""The Django app that wires the others together and holds `manage.py serve`."""

from importlib import import_module

from django.apps import AppConfig


class CortexSiteConfig(AppConfig):
    name = "cortex_site"
    verbose_name = "Cortex"

    def ready(self) -> None:
        from django.contrib.admin import site  # looked at while apps load, it would complain

        import_module("cortex_site.checks")  # registers them
        site.site_header = site.site_title = "Cortex"
        site.index_title = "Administration"
