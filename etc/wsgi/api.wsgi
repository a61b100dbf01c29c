"""The glancelite api for Apache with mod_wsgi (set WSGIChunkedRequest On) and servers like it."""

from glancelite.deploy import load_wsgi

application = load_wsgi("api")
