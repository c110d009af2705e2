"""Everything that can be set, read from the environment once. `docs/running.md` lists the names."""

from __future__ import annotations

import os
from pathlib import Path

from playground import env

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("BPFSCOPE_VAR", str(BASE_DIR / "var")))

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", VAR_DIR / "secret_key")
# Links are named by an HMAC under this key: changing it gives the same program a new link, old links stay.
LINK_KEY = env.secret("LINK_KEY", VAR_DIR / "link_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
# Number of proxies in front that set X-Forwarded-For; 0 believes nobody.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0, 0, 5)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = ["channels", "django_htmx", "django.contrib.staticfiles", "playground"]
MIDDLEWARE = [
    "playground.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.common.CommonMiddleware",
    "playground.middleware.same_origin",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "playground.urls"
ASGI_APPLICATION = "playground.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {"default": env.database("DATABASE_URL", VAR_DIR / "bpfscope.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

REDIS_URL = env.text("REDIS_URL")
if REDIS_URL:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # the bundle is served from static/ as it was built: no collectstatic step to forget
WHITENOISE_AUTOREFRESH = DEBUG

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
)
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 << 20
EXAMPLES_DIR = BASE_DIR / "examples"
# module:function that runs a request and says what happens: dict -> iterator of protocol messages.
JOB_FUNCTION = "playground.present.run:run_job"

# What a request may hold, in bytes of what the user sees (not of its base64).
SOURCE_BYTES = 64 << 10
ELF_BYTES = 1 << 20
PCAP_BYTES = 1 << 20
PACKET_BYTES = 64 << 10
# One socket message: an ELF and a pcap in base64, with room to say in a sentence what is too long.
MESSAGE_BYTES = 4 << 20

# What a job may use. Past one of these its process group is killed and the user reads which it was.
WORKERS = env.number("WORKERS", max(1, (os.cpu_count() or 1) - 1), 1, 64)
QUEUE_LENGTH = env.number("QUEUE_LENGTH", 32, 1, 1000)
JOB_SECONDS = env.number("JOB_SECONDS", 90, 1, 600)
JOB_CPU_SECONDS = env.number("JOB_CPU_SECONDS", 60, 1, 600)
JOB_MEMORY_MB = env.number("JOB_MEMORY_MB", 2048, 256, 65536)
JOB_OUTPUT_MB = env.number("JOB_OUTPUT_MB", 256, 1, 4096)
JOB_FILE_MB = env.number("JOB_FILE_MB", 32, 1, 1024)
JOBS_PER_WORKER = env.number("JOBS_PER_WORKER", 100, 1, 100000)

# Finished runs are kept to answer the same request again, oldest use dropped first.
SPOOL_DIR = VAR_DIR / "spool"
SPOOL_MB = env.number("SPOOL_MB", 1024, 16, 1 << 20)
DISK_FREE_MB = env.number("DISK_FREE_MB", 512, 0, 1 << 20)

# A classroom sits behind one address: these are per address and hour.
SHARES_PER_HOUR = env.number("SHARES_PER_HOUR", 600, 1, 1 << 30)
SOCKETS_PER_ADDRESS = env.number("SOCKETS_PER_ADDRESS", 300, 1, 1 << 20)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"playground": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO").upper()}},
}
