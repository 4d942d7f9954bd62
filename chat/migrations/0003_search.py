import django.db.models.deletion
from django.db import migrations, models

from chat.search.index import index_drop, index_fill, index_make


def keep_names(apps, editor):
    """Nobody can tell who gave the titles that stand: none of them is to be lost."""
    apps.get_model("chat", "Conversation").objects.filter(auto_title=False).update(named=True)


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0002_sampling'),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='folded_title',
            field=models.TextField(blank=True, default='', editable=False),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='conversation',
            name='named',
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name='SearchText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('folded', models.TextField(blank=True)),
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='search_text', to='chat.message')),
            ],
        ),
        migrations.RunPython(index_make, index_drop),
        migrations.RunPython(index_fill, migrations.RunPython.noop),
        migrations.RunPython(keep_names, migrations.RunPython.noop),
    ]
