"""Routes of tools: the API and the pages."""

from django.urls import path

from tooling.web import api, pages

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
    path("tools/", pages.tools, name="tools"),
    path("tools/calls/", pages.calls, name="tool-calls"),
    path("tools/calls/<uuid:id>/", pages.call, name="tool-call"),
    path("tools/calls/<uuid:id>/cancel", pages.call_cancel, name="tool-call-cancel"),
    path("tools/tool/<str:name>/", pages.tool, name="tool"),
    path("tools/tool/<str:name>/run", pages.tool_run, name="tool-run"),
    path("tools/tool/<str:name>/switch", pages.tool_switch, name="tool-switch"),
]
