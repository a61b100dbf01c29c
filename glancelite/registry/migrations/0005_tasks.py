"""Tasks, which outlive who works on them."""

from typing import Any

import peewee as p


class _LongText(p.TextField):  # type: ignore[misc]
    field_type = "LONGTEXT"


def up(migrator: Any, db: Any) -> None:
    class Tasks(db.Model):  # type: ignore[misc]
        id = p.CharField(max_length=36, primary_key=True)
        type = p.CharField(max_length=30)
        status = p.CharField(max_length=20)
        owner = p.CharField(max_length=255, null=True)
        image_id = p.CharField(max_length=36, null=True, index=True)
        user_id = p.CharField(max_length=255, null=True)
        request_id = p.CharField(max_length=255, null=True)
        input = _LongText()
        result = _LongText(null=True)
        message = _LongText()
        roles = _LongText()
        process = p.CharField(max_length=36, null=True)
        attempts = p.IntegerField(default=0)
        created_at = p.BigIntegerField()
        updated_at = p.BigIntegerField()
        expires_at = p.BigIntegerField(null=True, index=True)

        class Meta:
            legacy_table_names = False
            table_name = "tasks"
            table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if isinstance(db, p.MySQLDatabase) else None
            indexes = ((("status", "created_at", "id"), False), (("owner", "created_at", "id"), False))

    db.create_tables([Tasks])


def down(migrator: Any, db: Any) -> None:
    db.execute_sql("DROP TABLE tasks")
