"""The first schema: images with their search marks; blobs, locations, processes and work; stores."""

from typing import Any

import peewee as p


class LongTextField(p.TextField):  # type: ignore[misc]
    field_type = "LONGTEXT"


def up(migrator: Any, db: Any) -> None:
    # MariaDB compares text by language unless it is told otherwise; names and keys are bytes to us.
    settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if isinstance(db, p.MySQLDatabase) else None

    class Images(db.Model):  # type: ignore[misc]
        id = p.CharField(max_length=36, primary_key=True)
        name = p.CharField(max_length=255, null=True)
        status = p.CharField(max_length=30)
        visibility = p.CharField(max_length=30)
        protected = p.BooleanField()
        os_hidden = p.BooleanField()
        checksum = p.CharField(max_length=32, null=True)
        os_hash_algo = p.CharField(max_length=64, null=True)
        os_hash_value = p.CharField(max_length=128, null=True)
        owner = p.CharField(max_length=255, null=True)
        size = p.BigIntegerField(null=True)
        virtual_size = p.BigIntegerField(null=True)
        container_format = p.CharField(max_length=255, null=True)
        disk_format = p.CharField(max_length=255, null=True)
        created_at = p.BigIntegerField()
        updated_at = p.BigIntegerField()
        min_ram = p.IntegerField()
        min_disk = p.IntegerField()
        properties = LongTextField()
        tags = LongTextField()
        revision = p.IntegerField()
        deleted_at = p.BigIntegerField(null=True)
        purge_at = p.BigIntegerField(null=True)

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "images"
            indexes = ((("created_at", "id"), False), (("owner", "created_at", "id"), False))

    class ImageMarks(db.Model):  # type: ignore[misc]
        mark = p.CharField(max_length=32)
        image_id = p.CharField(max_length=36, index=True)

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "image_marks"
            primary_key = p.CompositeKey("mark", "image_id")

    class Blobs(db.Model):  # type: ignore[misc]
        key = p.CharField(max_length=36, primary_key=True)
        store = p.CharField(max_length=64)
        state = p.CharField(max_length=10)
        image_id = p.CharField(max_length=36, index=True)
        project = p.CharField(max_length=255, null=True, index=True)
        process = p.CharField(max_length=36)
        size = p.BigIntegerField()
        checksum = p.CharField(max_length=32, null=True)
        os_hash_algo = p.CharField(max_length=64, null=True)
        os_hash_value = p.CharField(max_length=128, null=True)
        drop_at = p.BigIntegerField(null=True)
        is_unlinked = p.BooleanField(default=False)

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "blobs"
            indexes = ((("store", "state", "drop_at"), False),)

    class Locations(db.Model):  # type: ignore[misc]
        image_id = p.CharField(max_length=36, index=True)
        position = p.IntegerField()
        blob = p.CharField(max_length=36, null=True, index=True)
        url = p.TextField()
        store = p.CharField(max_length=64)
        metadata = p.TextField()

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "locations"

    class Processes(db.Model):  # type: ignore[misc]
        id = p.CharField(max_length=36, primary_key=True)
        alive_until = p.BigIntegerField()

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "processes"

    class Work(db.Model):  # type: ignore[misc]
        id = p.CharField(max_length=36, primary_key=True)
        kind = p.CharField(max_length=20)
        image_id = p.CharField(max_length=36, index=True)
        process = p.CharField(max_length=36, index=True)
        status = p.CharField(max_length=30)
        if_lost = p.CharField(max_length=30)

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "work"

    class Stores(db.Model):  # type: ignore[misc]
        id = p.CharField(max_length=64, primary_key=True)
        marker = p.CharField(max_length=36)
        tender = p.CharField(max_length=36, null=True)
        tender_until = p.BigIntegerField(null=True)

        class Meta:
            legacy_table_names = False
            table_settings = settings
            table_name = "stores"

    db.create_tables([Images, ImageMarks, Blobs, Locations, Processes, Work, Stores])


def down(migrator: Any, db: Any) -> None:
    for table in ("stores", "work", "processes", "locations", "blobs", "image_marks", "images"):
        db.execute_sql(f"DROP TABLE {table}")
