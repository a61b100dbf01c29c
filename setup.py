"""Packaging: what glancelite needs, the command it installs, and the names PasteDeploy finds it by."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "([^"]+)"', (HERE / "glancelite/__init__.py").read_text(), re.M).group(1)

setup(
    name="glancelite",
    version=VERSION,
    description="An image service that speaks the OpenStack Image API and starts in a second",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["glancelite", "glancelite.*"]),
    package_data={"glancelite": ["py.typed"], "glancelite.registry": ["migrations/*.py"]},
    data_files=[
        ("etc/glancelite", [str(p.relative_to(HERE)) for p in sorted((HERE / "etc").glob("*.*"))]),
        ("etc/glancelite/wsgi", [str(p.relative_to(HERE)) for p in sorted((HERE / "etc/wsgi").glob("*.wsgi"))]),
        ("share/man/man1", [str(p.relative_to(HERE)) for p in sorted((HERE / "docs/man").glob("*.1"))]),
    ],
    install_requires=[
        "click>=8.1",
        "defusedxml>=0.7",
        "fastjsonschema>=2.19",
        "flask>=3.0",
        "gunicorn>=27,<28",
        "orjson>=3.10",
        "oslo.utils[image-inspection]>=8.0",
        "pastedeploy>=3.1",
        "peewee>=4.5,<5",
        "pyyaml>=6.0",
        "setproctitle>=1.3",
        "urllib3>=2.3",
        "webob>=1.8",
        "werkzeug>=3.0",
    ],
    extras_require={
        "postgres": ["psycopg[binary]>=3.2"],
        "mysql": ["pymysql>=1.1"],
        "s3": ["boto3>=1.34"],
        "swift": ["python-swiftclient>=4.4"],
        "rbd": ["rados", "rbd"],
        "keystone": ["keystonemiddleware>=10.6", "keystoneauth1>=5.6", "oslo.limit>=2.4", "python-memcached>=1.59"],
        "signatures": ["castellan>=5.0", "cryptography>=42"],
        "dev": [
            "import-linter>=2.1",
            "mypy>=1.11",
            "psutil>=5.9",
            "pytest>=8.2",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            "trustme>=1.2",
            "schemathesis>=4.32,<5",
            "types-psutil",
            "types-PyYAML",
        ],
    },
    entry_points={
        "console_scripts": ["glancelite = glancelite.__main__:main"],
        "paste.app_factory": [
            "api = glancelite.deploy:api_app_factory",
            "registry = glancelite.deploy:registry_app_factory",
        ],
        "paste.filter_factory": [
            "catch_errors = glancelite.middleware.catch_errors:CatchErrors.factory",
            "request_id = glancelite.middleware.request_id:RequestId.factory",
            "access_log = glancelite.middleware.access_log:AccessLog.factory",
            "healthcheck = glancelite.deploy:healthcheck_filter_factory",
            "proxy_headers = glancelite.middleware.proxy_headers:ProxyHeaders.factory",
            "cors = glancelite.middleware.cors:Cors.factory",
            "version_negotiation = glancelite.deploy:version_negotiation_filter_factory",
            "size_limit = glancelite.middleware.size_limit:SizeLimit.factory",
            "none_auth = glancelite.middleware.none_auth:NoneAuth.factory",
            "file_auth = glancelite.deploy:file_auth_filter_factory",
            "trusted_auth = glancelite.middleware.trusted_auth:TrustedAuth.factory",
            "keystone_auth = glancelite.deploy:keystone_auth_filter_factory",
            "identity = glancelite.middleware.identity:Identity.factory",
        ],
        "paste.server_factory": ["main = glancelite.server:server_factory"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: OpenStack",
        "Programming Language :: Python :: 3.11",
    ],
)
