"""Indexes in the order of lists: deleted images are out of the way, and search marks are in that order too."""

from typing import Any

import peewee as p

_ORDER = ("is_gone", "os_hidden", "created_at", "id")


def up(migrator: Any, db: Any) -> None:
    gone = p.BooleanField(constraints=[p.SQL("DEFAULT FALSE")])
    migrator.migrate(migrator.add_column("images", "is_gone", gone, allow_not_null=True))
    db.execute_sql("UPDATE images SET is_gone = TRUE WHERE status IN ('deleted', 'pending_delete')")
    for old in (("created_at", "id"), ("owner", "created_at", "id")):
        migrator.migrate(migrator.drop_index("images", f"images_{'_'.join(old)}"))
    for new in (_ORDER, ("owner", *_ORDER), ("visibility", *_ORDER), ("name", "created_at", "id")):
        migrator.migrate(migrator.add_index("images", new))

    class Marks(db.Model):  # type: ignore[misc]
        mark = p.CharField(max_length=32)
        created_at = p.BigIntegerField()
        image_id = p.CharField(max_length=36)

        class Meta:
            legacy_table_names = False
            table_name = "marks_in_order"
            table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if isinstance(db, p.MySQLDatabase) else None
            primary_key = p.CompositeKey("mark", "created_at", "image_id")

    db.create_tables([Marks])
    db.execute_sql(
        "INSERT INTO marks_in_order (mark, created_at, image_id) SELECT k.mark, i.created_at, k.image_id "
        "FROM image_marks k JOIN images i ON i.id = k.image_id"
    )
    db.execute_sql("DROP TABLE image_marks")
    db.execute_sql("ALTER TABLE marks_in_order RENAME TO image_marks")
    migrator.migrate(migrator.add_index("image_marks", ("image_id",)))
