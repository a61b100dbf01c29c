"""Tasks of type import, as the tasks API has always had them: an image is made, its data fetched into it."""

from contextlib import suppress

from ..domain.context import Context
from ..domain.image import Image
from ..domain.task import LOCK, Ending
from ..errors import ChangedMeanwhile, GlanceliteError, ImageExists, ImageNotFound
from ..fetch import check_url, read_rules
from ..usecases.images import create_image
from ..usecases.tasks import image_body
from .fetching import stage_from
from .importer import LEFT, copy_to
from .job import MIB, Job
from .piece import run_plugins
from .plugins.base import Plugin
from .plugins.ovf_process import OvfProcess

_TRIES = 20


def run_legacy_import(job: Job) -> Ending:
    """Do it; how it ended. An image whose data does not come is not kept."""
    try:
        job.check_attempts()
        job.plugins = _with_ovf(job)
        image = _make_image(job)
        if job.services.registry.find_staged(image.id) is None:
            rules = read_rules(job.services.config)
            image = stage_from(job, image, check_url(job.input["import_from"], rules), rules)
        image = run_plugins(job, image)
        if not image.locations:
            image = copy_to(job, image, job.services.stores.default.id)
    except (*LEFT, ImageNotFound):
        raise
    except GlanceliteError as error:
        return end_legacy_import(job, str(error))
    message = f"Copied {(image.size or 0) // MIB} MiB"
    return Ending("success", message, {"image_id": image.id}, "active")


def _with_ovf(job: Job) -> tuple[Plugin, ...]:
    """The plugins, with the one that these tasks have always begun with."""
    if any(plugin.name == OvfProcess.name for plugin in job.plugins):
        return job.plugins
    return (OvfProcess(job.services.config), *job.plugins)


def end_legacy_import(job: Job, reason: str) -> Ending:
    """How it fails: without its image, which nobody has asked for otherwise."""
    for _ in range(_TRIES):
        try:
            image = job.show_image()
            job.require_hold()  # or it is another process's image by now
            job.services.registry.delete_image(job.context, image.id, image.revision, None)
        except ChangedMeanwhile:
            continue
        except ImageNotFound:
            break
    return Ending("failure", reason)


def _make_image(job: Job) -> Image:
    """The image, importing and this task's: made now, or by an earlier attempt."""
    asked = Context(project_id=job.task.owner, user_id=job.task.user_id, roles=job.task.roles, admin=True)
    with suppress(ImageExists):
        create_image(job.services, asked, {**image_body(job.task), "id": job.task.image_id})
    for _ in range(_TRIES):
        image = job.show_image()
        if image.status != "queued":
            return image
        job.require_hold()
        changes = {"status": "importing", "properties": {**image.properties, LOCK: job.task.id}}
        try:
            return job.services.registry.update_image(job.context, image, changes)
        except ChangedMeanwhile:
            continue
    raise ChangedMeanwhile(image_id=job.task.image_id)
