"""Reports about shared programs, which `manage.py takedown` lists and answers."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("playground", "0003_links_are_not_replaced")]
    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("private", "It contains a password, a key or personal data"),
                            ("illegal", "It is illegal, or used to attack somebody"),
                            ("spam", "It is not a program: spam or advertising"),
                            ("other", "Something else"),
                        ],
                        max_length=16,
                    ),
                ),
                ("details", models.TextField(blank=True, default="")),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "link",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="playground.link"),
                ),
            ],
            options={"db_table": "playground_report", "ordering": ("created", "pk")},
        )
    ]
