"""Runs and their log. A chat reply and an agent run are both a `Run`."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from agents.loops.contract import EventKind

HIGHEST_SEQ = 999_999_999  # of an event: far beyond any log, and within any database's integers


class Run(models.Model):
    """A model, and perhaps tools, working until an answer stands.

    `kind` picks the loop (`agents.kinds`). `params` is what the loop was asked to do. `lease_until`
    is renewed while a thread works on the run: a running row with a lapsed lease was left behind by
    a process that died. `lease_owner` names that process and is new with every claim, so that a
    thread which lost its run can no longer write to it. `output` and `usage` are filled when the
    run ends, whatever its end. `last_seq` is the number of the newest event.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"  # for a person's word on a tool call
        COMPLETED = "completed"
        FAILED = "failed"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"

    ACTIVE = (State.QUEUED, State.RUNNING, State.WAITING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=20, choices=State.choices, default=State.QUEUED)
    model = models.CharField(max_length=255, blank=True)
    params = models.JSONField(default=dict, blank=True)
    output = models.TextField(blank=True)
    thinking = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=20, blank=True)
    usage = models.JSONField(default=dict, blank=True)
    error = models.JSONField(null=True, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks"
    )
    last_seq = models.PositiveIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    lease_owner = models.CharField(max_length=255, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"]),
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["state", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class Event(models.Model):
    """One numbered entry of a run's log; `seq` counts from 1 without a gap."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(
        max_length=20,
        choices=[(kind.value, kind.name.replace("_", " ").title()) for kind in EventKind],
    )
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["run", "seq"], name="event_seq_once_in_a_run")
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class Step(models.Model):
    """One step of an agent run: the newest "step" event of its number, as a row.

    Written by `agents.log.events.store` alone, in the transaction that stores the event. The fields
    are those of `agents.react.steps.StepRecord`.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    step_number = models.PositiveIntegerField()
    status = models.CharField(max_length=20)
    thought = models.TextField(blank=True)
    action = models.CharField(max_length=64, blank=True)
    action_input = models.JSONField(null=True, blank=True)
    observed = models.JSONField(null=True, blank=True)  # agents.react.observations.Observation
    text = models.TextField(blank=True)
    usage = models.JSONField(default=dict, blank=True)
    tool_seconds = models.FloatField(default=0.0)
    prompt = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["run", "step_number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "step_number"], name="step_once_in_a_run")
        ]

    def __str__(self) -> str:
        return f"{self.step_number}. {self.action}"
