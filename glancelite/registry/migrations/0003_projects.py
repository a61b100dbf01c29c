"""Projects, each a row that is locked while something is added that a quota or limit counts."""

from typing import Any

import peewee as p


def up(migrator: Any, db: Any) -> None:
    class Projects(db.Model):  # type: ignore[misc]
        id = p.CharField(max_length=255, primary_key=True)

        class Meta:
            legacy_table_names = False
            table_name = "projects"
            table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if isinstance(db, p.MySQLDatabase) else None

    db.create_tables([Projects])


def down(migrator: Any, db: Any) -> None:
    db.execute_sql("DROP TABLE projects")
