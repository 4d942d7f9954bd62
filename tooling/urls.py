"""Routes of tools: the API and the pages."""

from django.urls import path

from tooling import api, views

api_urlpatterns = [
    path("api/tools", api.ToolListView.as_view(), name="api-tools"),
    path("api/tools/execute", api.ToolExecuteView.as_view(), name="api-tool-execute"),
    path(
        "api/tools/definitions/openai",
        api.OpenAIDefinitionsView.as_view(),
        name="api-tool-definitions",
    ),
    path("api/tools/<str:tool_name>/enable", api.ToolEnableView.as_view(), name="api-tool-enable"),
    path(
        "api/tools/<str:tool_name>/disable", api.ToolDisableView.as_view(), name="api-tool-disable"
    ),
]

urlpatterns = [
    path("tools/", views.tools, name="tools"),
    path("tools/calls/", views.calls, name="tool-calls"),
    path("tools/calls/<uuid:id>/", views.call, name="tool-call"),
    path("tools/calls/<uuid:id>/cancel", views.call_cancel, name="tool-call-cancel"),
    path("tools/tool/<str:name>/", views.tool, name="tool"),
    path("tools/tool/<str:name>/run", views.tool_run, name="tool-run"),
    path("tools/tool/<str:name>/switch", views.tool_switch, name="tool-switch"),
]
