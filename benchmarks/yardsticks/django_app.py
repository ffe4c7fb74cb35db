"""The calls as somebody would write them by hand in Django: its ORM, JSON, no framework on top.

It does less than Lead Desk: no key, nothing about who may do what; and it asks for a token and keeps a history only for
those who send one. gunicorn serves it (``django_app:application``), and a virtual environment of its own has both.
"""

import functools
import hashlib
import json
import os
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.wsgi import get_wsgi_application
from django.db import models, transaction
from django.db.models import Count, F
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True, SECRET_KEY="of a benchmark",
    # It states the length of an answer, and is the only one that these calls need.
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None,
                           **json.loads(os.environ["YARDSTICK_DATABASE"])}})
application = get_wsgi_application()


class Firm(models.Model):
    id = models.UUIDField(primary_key=True)
    name = models.TextField()

    class Meta:
        app_label, db_table, managed = "yardstick", "lead_companies", False


class User(models.Model):
    id = models.UUIDField(primary_key=True)
    company_id = models.UUIDField()
    name = models.TextField()

    class Meta:
        app_label, db_table, managed = "yardstick", "users", False


class Lead(models.Model):
    id = models.UUIDField(primary_key=True)
    company_id = models.UUIDField()
    lead_company = models.ForeignKey(Firm, models.DO_NOTHING, null=True)
    assigned_to_user = models.ForeignKey(User, models.DO_NOTHING, null=True)
    email, phone, first_name, last_name = (models.TextField(null=True) for _ in range(4))
    job_title, linkedin_url, source, source_workflow, notes = (models.TextField(null=True) for _ in range(5))
    status = models.TextField()
    assigned_at, last_contacted_at, last_response_at = (models.DateTimeField(null=True) for _ in range(3))
    converted_at, lost_at = (models.DateTimeField(null=True) for _ in range(2))
    conversion_source, lost_reason, lost_note = (models.TextField(null=True) for _ in range(3))
    last_contact_method = models.TextField(null=True)
    contact_count, response_count = models.IntegerField(), models.IntegerField()
    enrichment_data, tags = models.JSONField(null=True), ArrayField(models.TextField(), null=True)
    score = models.IntegerField(null=True)
    created_at, updated_at = models.DateTimeField(), models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "yardstick", "leads", False


class Contact(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    company_id = models.UUIDField()
    lead = models.ForeignKey(Lead, models.DO_NOTHING)
    user_id = models.UUIDField()
    batch_id = models.UUIDField(default=uuid.uuid4)
    method, direction, notes = models.TextField(), models.TextField(), models.TextField()
    occurred_at = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "yardstick", "contact_attempts", False


class Token(models.Model):
    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.DO_NOTHING)
    token_hash = models.BinaryField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        app_label, db_table, managed = "yardstick", "api_tokens", False


class Event(models.Model):
    id = models.BigAutoField(primary_key=True)
    company_id, lead_id, batch_id, actor_id = (models.UUIDField() for _ in range(4))
    source, action = models.TextField(), models.TextField()
    before, after = models.JSONField(), models.JSONField()
    at = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "yardstick", "lead_events", False


FIELDS = [field.attname for field in Lead._meta.fields]


def _one(lead: Lead) -> JsonResponse:
    firm, owner = lead.lead_company, lead.assigned_to_user
    return JsonResponse({**{name: getattr(lead, name) for name in FIELDS}, "company": firm and firm.name,
                         "owner": owner and owner.name})


def _many(leads: models.QuerySet) -> JsonResponse:
    return JsonResponse({"data": list(leads.values(
        *FIELDS, company=F("lead_company__name"), owner=F("assigned_to_user__name")))})


def signed_in(view: Callable[..., JsonResponse]) -> Callable[..., JsonResponse]:
    @functools.wraps(view)
    def look(request: HttpRequest, *given: Any, **more: Any) -> JsonResponse:
        request.token = None
        if said := request.headers.get("Authorization"):
            digest = hashlib.sha256(said.removeprefix("Bearer ").encode()).digest()
            request.token = Token.objects.select_related("user").get(token_hash=digest, revoked_at=None)
        return view(request, *given, **more)
    return look


def _told(request: HttpRequest, lead: Lead, action: str, before: dict[str, Any], names: list[str]) -> None:
    if request.token:
        Event.objects.create(company_id=lead.company_id, lead_id=lead.id, batch_id=uuid.uuid4(), source="api",
                             action=action, actor_id=request.token.user_id, at=datetime.now(timezone.utc),
                             before={name: str(before[name]) for name in names},
                             after={name: str(getattr(lead, name)) for name in names})


@signed_in
def numbers(request: HttpRequest, company: str, user: str) -> JsonResponse:
    leads = Lead.objects.filter(company_id=company)
    mine, due = leads.filter(assigned_to_user_id=user), datetime.now(timezone.utc) - timedelta(days=7)
    return JsonResponse({
        "mine": mine.count(), "ready": mine.filter(status="enriched").count(),
        "conversing": mine.filter(status="conversing").count(),
        "due": leads.filter(status__in=["contacted", "conversing"], last_contacted_at__lt=due).count()})


@signed_in
def mine(request: HttpRequest, company: str, user: str) -> JsonResponse:
    return _many(Lead.objects.filter(company_id=company, assigned_to_user_id=user).order_by(
        F("last_contacted_at").asc(nulls_first=True), "id")[:50])


@signed_in
def page_100(request: HttpRequest, company: str, user: str) -> JsonResponse:
    return _many(Lead.objects.filter(company_id=company).order_by(
        F("last_contacted_at").desc(nulls_last=True), "-id")[4950:5000])


@signed_in
def search(request: HttpRequest, company: str, user: str) -> JsonResponse:
    # The indexed expression; icontains over the fields would read all of the company's leads.
    found = Lead.objects.filter(company_id=company).extra(where=[
        "lower(coalesce(leads.first_name, '') || ' ' || coalesce(leads.last_name, '') || ' ' || "
        "coalesce(leads.email, '') || ' ' || coalesce(leads.phone, '') || ' ' || coalesce(leads.linkedin_url, '')) "
        "LIKE %s"], params=[f"%{request.GET['q'].lower()}%"])
    return _many(found.order_by(F("created_at").desc(nulls_last=True), "-id")[:50])


@signed_in
def workload(request: HttpRequest, company: str, user: str) -> JsonResponse:
    return JsonResponse({"data": list(Lead.objects.filter(company_id=company).values(
        "assigned_to_user_id", "status").annotate(count=Count("id")))})


@transaction.atomic
@signed_in
def status(request: HttpRequest, company: str, user: str, lead_id: str) -> JsonResponse:
    lead = _locked(company, lead_id)
    before, changed = dict(vars(lead)), ["status"]
    lead.status = json.loads(request.body)["status"]
    lead.save(update_fields=changed)
    _told(request, lead, "status_changed", before, changed)
    return _one(lead)


@transaction.atomic
@signed_in
def contact(request: HttpRequest, company: str, user: str, lead_id: str) -> JsonResponse:
    body, now = json.loads(request.body), datetime.now(timezone.utc)
    lead = _locked(company, lead_id)
    before, changed = dict(vars(lead)), ["contact_count", "last_contacted_at", "last_contact_method", "status"]
    lead.contact_count += 1
    lead.last_contacted_at, lead.last_contact_method = now, body["method"]
    if lead.status in ("new", "enriched"):
        lead.status = "contacted"
    lead.save(update_fields=changed)
    Contact.objects.create(company_id=company, lead_id=lead_id, user_id=user, method=body["method"],
                           direction="outbound", notes=body["notes"], occurred_at=now)
    _told(request, lead, "contacted", before, changed)
    return _one(lead)


def _locked(company: str, lead_id: str) -> Lead:
    leads = Lead.objects.select_related("lead_company", "assigned_to_user").select_for_update(of=("self",))
    return leads.get(company_id=company, id=lead_id)


_OF = "<str:company>/<str:user>"
urlpatterns = [
    path(f"{_OF}/numbers", numbers), path(f"{_OF}/mine", mine), path(f"{_OF}/page-100", page_100),
    path(f"{_OF}/search", search), path(f"{_OF}/workload", workload),
    path(f"{_OF}/leads/<str:lead_id>/status", status), path(f"{_OF}/leads/<str:lead_id>/contact", contact),
]
