"""An example or two of commands where they help; for help, pages and manual pages. Lines as typed into a shell."""

import click

EXAMPLES = {
    "config check": "glancelite config check --config /etc/glancelite/glancelite.conf",
    "config import-glance": "glancelite config import-glance /etc/glance/glance-api.conf > glancelite.conf",
    "config init": "glancelite config init > glancelite.conf",
    "config show": "glancelite config show | grep -v '# default'",
    "completion": 'eval "$(glancelite completion bash)"',
    "db check": "glancelite db check || glancelite db upgrade",
    "db purge": "glancelite db purge --age-in-days 90 --max-rows 1000",
    "doctor": "glancelite doctor --config /etc/glancelite/glancelite.conf",
    "fsck": """
glancelite fsck
glancelite fsck --hash --data-dir /var/lib/glancelite
""",
    "help": "glancelite help image create",
    "image add project": "glancelite image add project golden 9a3f0d6c5b1e4d7f8a2b3c4d5e6f7081",
    "image convert": """
glancelite image convert debian --to raw --replace --progress
glancelite image convert debian --to raw --name debian-ceph --directory /var/tmp
""",
    "image create": """
glancelite image create cirros --file cirros.img --disk-format qcow2 --container-format bare --public
glancelite image create debian --file debian.qcow2.xz --decompress
qemu-img convert -O raw disk.vmdk /dev/stdout | glancelite image create disk --file -
glancelite image create debian --disk-format qcow2 --uri https://images.example.org/debian.qcow2 --wait
""",
    "image delete": "glancelite image delete cirros 3f0c5b0e-6d43-4f0f-a0a6-0f4a3c9a1a35",
    "image import": """
glancelite image import staged --wait
glancelite image import cirros --method copy-image --store cheap --wait
""",
    "image import info": "glancelite image import info -f json",
    "image inspect": "glancelite image inspect disk.img",
    "image list": """
glancelite image list --long --sort size:desc
glancelite image list --public --tag lts --property os_distro=debian -f value -c ID -c Name
""",
    "image member list": "glancelite image member list golden -f value -c 'Member ID' -c Status",
    "image prune": """
glancelite image prune --name nightly --keep 3 --dry-run
glancelite image prune --tag nightly --keep 3 --older-than 30d --yes
""",
    "image save": """
glancelite image save cirros --file cirros.img --progress
glancelite image save cirros --file cirros.img --resume --sparse
glancelite image save cirros | gzip > cirros.img.gz
""",
    "image set": """
glancelite image set cirros --property os_distro=cirros --tag lab --protected
glancelite image set cirros --community
glancelite image set 3f0c5b0e-6d43-4f0f-a0a6-0f4a3c9a1a35 --accept
""",
    "image show": "glancelite image show cirros -f value -c status",
    "image stage": "glancelite image stage staged --file disk.img --progress",
    "image stores list": "glancelite image stores list --detail",
    "image task list": "glancelite image task list cirros --status failure",
    "image unset": "glancelite image unset cirros --tag lab --property os_distro",
    "image upload": "glancelite image upload empty --file disk.img --progress",
    "policy check": "glancelite policy check --action modify_image --role reader",
    "server run": """
glancelite server run --data-dir lab
glancelite server run --config /etc/glancelite/glancelite.conf --workers 4
glancelite server run api --registry http://127.0.0.1:9191
""",
    "store check": "glancelite store check",
    "token issue": "glancelite token issue alice --lifetime 3600",
    "user add": "printf 'correct horse' | glancelite user add alice --project demo --role member --role reader",
    "verify": """
glancelite verify
glancelite verify 3f0c5b0e-6d43-4f0f-a0a6-0f4a3c9a1a35 --store cheap
""",
}
"""By the words of the command."""


def show_in_help(command: click.Command, path: str) -> None:
    """Have the help of this command end with its examples."""
    epilog = command.epilog or ""
    if path in EXAMPLES and not epilog.startswith(_KEPT):
        lines = "".join(f"  {line}\n" for line in EXAMPLES[path].strip().splitlines())
        command.epilog = f"{_KEPT}{lines}\n{epilog}"


_KEPT = "\b\nExamples:\n"
"""The first line tells click to keep the others."""
