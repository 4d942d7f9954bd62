"""Routes of runs: for pages, and for programs."""

from django.urls import path

from agents.web.api import goals, runs
from agents.web.pages import agents
from agents.web.pages import runs as run_pages

urlpatterns = [
    path("agents/", agents.agents, name="agents"),
    path("agents/compare", agents.compare, name="agent-compare"),
    path("agents/<uuid:run_id>/", agents.run, name="agent-run"),
    path("agents/<uuid:run_id>/stop", agents.stop, name="agent-stop"),
    path("agents/<uuid:run_id>/resume", agents.resume, name="agent-resume"),
    path("agents/<uuid:run_id>/export.json", agents.export, name="agent-export"),
    path("agents/<uuid:run_id>/steps/<int:number>/fork", agents.fork, name="agent-fork"),
    path("agents/<uuid:run_id>/steps/<int:number>/prompt", agents.prompt, name="agent-prompt"),
    path("runs/<uuid:run_id>/cancel", run_pages.run_cancel, name="run-cancel"),
    path(
        "runs/<uuid:run_id>/tool-calls/<str:call_id>",
        run_pages.tool_call_decide,
        name="run-tool-call-decide",
    ),
]

api_urlpatterns = [
    path("api/agents/info", goals.AgentInfoView.as_view(), name="api-agents-info"),
    path("api/agents/plan", goals.AgentPlanView.as_view(), name="api-agents-plan"),
    path("api/agents/execute", goals.AgentExecuteView.as_view(), name="api-agents-execute"),
    path("api/agents/execute/stream", goals.AgentStreamView.as_view(), name="api-agents-stream"),
    path("api/agents/runs/<uuid:run_id>/steps", goals.RunStepsView.as_view()),
    path("api/agents/runs/<uuid:run_id>/resume", goals.RunResumeView.as_view()),
    path("api/agents/runs/<uuid:run_id>/fork", goals.RunForkView.as_view()),
    path("api/agents/runs", runs.RunListView.as_view(), name="api-runs"),
    path("api/agents/runs/<uuid:run_id>", runs.RunView.as_view(), name="api-run"),
    path(
        "api/agents/runs/<uuid:run_id>/events", runs.RunEventsView.as_view(), name="api-run-events"
    ),
    path(
        "api/agents/runs/<uuid:run_id>/cancel", runs.RunCancelView.as_view(), name="api-run-cancel"
    ),
    path(
        "api/agents/runs/<uuid:run_id>/tool-calls/<str:call_id>",
        runs.ToolCallDecisionView.as_view(),
        name="api-run-tool-call-decide",
    ),
]
