from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("agents", "0002_observed"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="step",
            name="observation",
        ),
    ]
