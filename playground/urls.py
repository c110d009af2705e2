"""URLs; docs/web.md describes the responses."""

from __future__ import annotations

from django.urls import path, re_path

from playground.links import ID_PATTERN
from playground.views import api, classes, embed, gallery, pages, report, share

urlpatterns = [
    path("", pages.home, name="home"),
    path("about", pages.about, name="about"),
    path("glossary", pages.glossary_page, name="glossary"),
    path("examples/", pages.examples, name="examples"),
    path("examples/<slug:name>", pages.example, name="example"),
    path("examples/<slug:name>.json", pages.example_json, name="example-json"),
    path("errors/", gallery.errors, name="errors"),
    path("errors/<slug:name>", gallery.rule, name="rule"),
    re_path("^errors/(?P<name>[-a-z0-9]+)/(?P<which>rejected|fixed)$", gallery.program, name="rule-program"),
    re_path(f"^s/(?P<link_id>{ID_PATTERN})$", share.shared, name="shared"),
    re_path(f"^s/(?P<link_id>{ID_PATTERN})\\.json$", share.shared_json, name="shared-json"),
    re_path(f"^s/(?P<link_id>{ID_PATTERN})/picture\\.png$", embed.link_picture, name="link-picture"),
    re_path(f"^s/(?P<link_id>{ID_PATTERN})/report$", report.report, name="report"),
    re_path(f"^embed/(?P<link_id>{ID_PATTERN})$", embed.embed, name="embed"),
    path("oembed", embed.oembed, name="oembed"),
    path("share", share.share_form, name="share"),
    path("api/openapi.json", api.openapi, name="openapi"),
    path("api/share", share.share_api, name="share-api"),
    path("class/<str:token>", classes.join, name="class"),
]

handler400 = "playground.views.errors.bad_request"
handler403 = "playground.views.errors.forbidden"
handler404 = "playground.views.errors.not_found"
handler500 = "playground.views.errors.server_error"
