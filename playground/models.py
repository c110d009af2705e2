"""What is stored for good: shared programs, and reports about them."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Link(models.Model):
    """A shared program. Never changed once written: the database itself refuses it (migration 0002).

    id         -- first 16 characters of base32(HMAC-SHA256(LINK_KEY, body)), see playground/links.py
    digest     -- SHA-256 of body, checked at every read
    body       -- canonical JSON: {"schema": 1, "request": …, "title": …}, and with schema 2 "view": …
    toolchain  -- what compiled and walked it when it was shared, for people
    tombstone  -- why it was taken down; empty while it stands. The id is never used again
    """

    id: models.CharField[str, str] = models.CharField(primary_key=True, max_length=16)
    digest: models.CharField[str, str] = models.CharField(max_length=64)
    schema: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField()
    body: models.TextField[str, str] = models.TextField()
    toolchain: models.CharField[str, str] = models.CharField(max_length=200)
    created: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)
    tombstone: models.CharField[str, str] = models.CharField(max_length=400, blank=True, default="")

    class Meta:
        app_label = "playground"
        db_table = "playground_link"

    def __str__(self) -> str:
        return self.id


class Report(models.Model):
    """A visitor's report that a shared program should not be public. It says nothing about who sent it.

    reason  -- one of REASONS
    details -- the visitor's own words; at most DETAILS_LENGTH characters
    """

    REASONS = (
        ("private", "It contains a password, a key or personal data"),
        ("illegal", "It is illegal, or used to attack somebody"),
        ("spam", "It is not a program: spam or advertising"),
        ("other", "Something else"),
    )
    DETAILS_LENGTH = 1000

    link: models.ForeignKey[Link, Link] = models.ForeignKey(Link, on_delete=models.PROTECT)
    reason: models.CharField[str, str] = models.CharField(max_length=16, choices=REASONS)
    details: models.TextField[str, str] = models.TextField(blank=True, default="")
    created: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "playground"
        db_table = "playground_report"
        ordering = ("created", "pk")

    def __str__(self) -> str:
        return f"{self.link.pk}: {self.reason}"
