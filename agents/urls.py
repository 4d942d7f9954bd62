"""Routes of runs: for pages, and for programs."""

from django.urls import path

from agents import api, goal_api, pages, views

urlpatterns = [
    path("agents/", pages.agents, name="agents"),
    path("agents/compare", pages.compare, name="agent-compare"),
    path("agents/<uuid:run_id>/", pages.run, name="agent-run"),
    path("agents/<uuid:run_id>/stop", pages.stop, name="agent-stop"),
    path("agents/<uuid:run_id>/resume", pages.resume, name="agent-resume"),
    path("agents/<uuid:run_id>/export.json", pages.export, name="agent-export"),
    path("agents/<uuid:run_id>/steps/<int:number>/fork", pages.fork, name="agent-fork"),
    path("agents/<uuid:run_id>/steps/<int:number>/prompt", pages.prompt, name="agent-prompt"),
    path("runs/<uuid:run_id>/cancel", views.run_cancel, name="run-cancel"),
    path(
        "runs/<uuid:run_id>/tool-calls/<str:call_id>",
        views.tool_call_decide,
        name="run-tool-call-decide",
    ),
]

api_urlpatterns = [
    path("api/agents/info", goal_api.AgentInfoView.as_view(), name="api-agents-info"),
    path("api/agents/plan", goal_api.AgentPlanView.as_view(), name="api-agents-plan"),
    path("api/agents/execute", goal_api.AgentExecuteView.as_view(), name="api-agents-execute"),
    path("api/agents/execute/stream", goal_api.AgentStreamView.as_view(), name="api-agents-stream"),
    path("api/agents/runs/<uuid:run_id>/steps", goal_api.RunStepsView.as_view()),
    path("api/agents/runs/<uuid:run_id>/resume", goal_api.RunResumeView.as_view()),
    path("api/agents/runs/<uuid:run_id>/fork", goal_api.RunForkView.as_view()),
    path("api/agents/runs", api.RunListView.as_view(), name="api-runs"),
    path("api/agents/runs/<uuid:run_id>", api.RunView.as_view(), name="api-run"),
    path(
        "api/agents/runs/<uuid:run_id>/events", api.RunEventsView.as_view(), name="api-run-events"
    ),
    path(
        "api/agents/runs/<uuid:run_id>/cancel", api.RunCancelView.as_view(), name="api-run-cancel"
    ),
    path(
        "api/agents/runs/<uuid:run_id>/tool-calls/<str:call_id>",
        api.ToolCallDecisionView.as_view(),
        name="api-run-tool-call-decide",
    ),
]
