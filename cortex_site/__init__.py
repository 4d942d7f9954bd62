"""The Django project: settings, routes, access and `manage.py serve`."""

__version__ = "0.1.0"
