"""The Django project: settings, routes, access and `manage.py serve`; in the web process."""

__version__ = "0.2.0"
