"""All routes. The apps bring theirs; what is wired here belongs to no single app."""

from django.contrib import admin
from django.urls import include, path, re_path

import agents.urls
import chat.urls
import inference.urls
import tooling.urls
from cortex_site import api, docs, health
from cortex_site.errors import NOT_FOUND
from cortex_site.metrics import metrics

APPS = [chat.urls, agents.urls, tooling.urls, inference.urls]

urlpatterns = [
    path("", api.HomeView.as_view(), name="home"),
    path("api", api.InformationView.as_view(), name="api-information"),
    path("api/health", health.HealthView.as_view(), name="health"),
    path("health", health.HealthView.as_view(schema=None)),  # the same, where probes look
    path("api/ready", health.ReadyView.as_view(), name="ready"),
    path("metrics", metrics, name="metrics"),
    path("openapi.json", docs.schema, name="schema"),
    path("docs", docs.swagger, name="docs"),
    path("redoc", docs.redoc, name="redoc"),
    path("redoc/redoc.js", docs.redoc_script, name="redoc-script"),
    path("admin/", admin.site.urls),
    *(path("", include(app.api_urlpatterns)) for app in APPS),
    *(path("", include(app)) for app in APPS),
    re_path(r"^(?:api|v1)(?:/.*)?$", api.not_found, name=NOT_FOUND),
]

handler400 = "cortex_site.errors.bad_request"
handler403 = "cortex_site.errors.permission_denied"
handler404 = "cortex_site.errors.page_not_found"
handler500 = "cortex_site.errors.server_error"
