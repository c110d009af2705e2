"""The table of shared programs."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Link",
            fields=[
                ("id", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
                ("schema", models.PositiveSmallIntegerField()),
                ("body", models.TextField()),
                ("toolchain", models.CharField(max_length=200)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("tombstone", models.CharField(blank=True, default="", max_length=400)),
            ],
            options={"db_table": "playground_link"},
        ),
    ]
