"""What tests of data on its way to the service have in common: looks at images, and a service that records wrongly."""

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
PATH = f"/v2/images/{ID}"


def ids(glancelite, name):
    return glancelite("image", "list", "--name", name, "-f", "value", "-c", "ID").out.split()


def show(glancelite, image):
    return glancelite("image", "show", image, "-f", "json").json


class Wrong:
    """A service that takes data and records another hash of it."""

    def __init__(self, canned, **fields):
        self.canned = canned
        self.image = {"id": ID, "name": "x", "status": "queued", "tags": [], "protected": False, **fields}
        canned.answers |= {
            ("POST", "/v2/images"): (201, {}, self.image),
            ("GET", PATH): lambda handler: handler.say(200, {}, self.image),
            ("PUT", f"{PATH}/file"): self.take,
            ("DELETE", PATH): (204, {}, b""),
            ("POST", f"{PATH}/actions/deactivate"): (204, {}, b""),
            ("PATCH", PATH): self.unprotect,
        }

    def take(self, handler):
        data = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.image |= {"status": "active", "size": len(data)}
        self.image |= {"os_hash_algo": "sha512", "os_hash_value": "f" * 128} | self.image.get("then", {})
        handler.say(204, {}, b"")

    def unprotect(self, handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        self.canned.answers["DELETE", PATH] = (204, {}, b"")
        handler.say(200, {}, self.image)

    @property
    def asked(self):
        return [(method, path) for method, path, _ in self.canned.requests]
