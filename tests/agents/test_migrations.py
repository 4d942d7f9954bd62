"""Old rows become what the code of today reads, and go back."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from agents.models import Run
from agents.react.observations import observation_text, observe
from agents.react.steps import step_of
from tooling.base import ToolResult
from tooling.results import CUT_OFF

TEXTS = [
    "Success: 1024",
    f"Error: {CUT_OFF}",
    None,
    observation_text(observe(ToolResult(True, "a page", untrusted=True))),
]


def migrate(name):
    executor = MigrationExecutor(connection)
    executor.migrate([("agents", name)])
    return executor.loader.project_state([("agents", name)]).apps.get_model("agents", "Step")


@pytest.mark.django_db(transaction=True)
def test_observations_that_were_texts_become_values(owner):
    run = Run.objects.create(owner=owner, kind="react")
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("agents")[0][1]
    try:
        steps = migrate("0001_initial").objects
        for number, text in enumerate(TEXTS, 1):
            steps.create(run_id=run.id, step_number=number, status="observing", observation=text)
        migrate(newest)
        records = [step_of(row) for row in run.steps.all()]
        assert [record.observation for record in records] == TEXTS
        done, lost, none, page = [record.observed for record in records]
        assert (done.text, done.success) == ("1024", True)
        assert (lost.success, lost.cut_off) == (False, True)
        assert none is None
        assert (page.text, page.untrusted) == ("a page", True)
        back = migrate("0001_initial").objects.order_by("step_number")
        assert list(back.values_list("observation", flat=True)) == TEXTS
    finally:
        migrate(newest)
