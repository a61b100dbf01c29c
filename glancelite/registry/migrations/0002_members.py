"""Members: the projects that an image is shared with."""

from typing import Any

import peewee as p


def up(migrator: Any, db: Any) -> None:
    class ImageMembers(db.Model):  # type: ignore[misc]
        image_id = p.CharField(max_length=36)
        member_id = p.CharField(max_length=255, index=True)
        status = p.CharField(max_length=20)
        created_at = p.BigIntegerField()
        updated_at = p.BigIntegerField()

        class Meta:
            legacy_table_names = False
            table_name = "image_members"
            primary_key = p.CompositeKey("image_id", "member_id")
            table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if isinstance(db, p.MySQLDatabase) else None

    db.create_tables([ImageMembers])


def down(migrator: Any, db: Any) -> None:
    db.execute_sql("DROP TABLE image_members")
