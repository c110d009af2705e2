"""Django settings; those an operator can change come from the environment (docs/operating.md)."""

from __future__ import annotations

from pathlib import Path

from playground.config import env, limits

BASE_DIR = Path(__file__).resolve().parent.parent
# What the page is made of: beside the packages in a checkout, inside in an installed package (setup.py).
INSTALLED = not (BASE_DIR / "templates").is_dir()
DATA_DIR = BASE_DIR / "playground" / "data" if INSTALLED else BASE_DIR
HOME_DIR = Path(env.text("XDG_DATA_HOME", str(Path.home() / ".local" / "share")), "bpfscope") if INSTALLED else BASE_DIR
VAR_DIR = Path(env.text("BPFSCOPE_VAR", str(HOME_DIR / "var")))

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", VAR_DIR / "secret_key")
# Links are named by an HMAC under this key: changing it gives the same program a new link, old links stay.
LINK_KEY = env.secret("LINK_KEY", VAR_DIR / "link_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
TRUSTED_PROXIES = env.limit("TRUSTED_PROXIES")
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = ["channels", "django_htmx", "django.contrib.staticfiles", "playground"]
MIDDLEWARE = [
    "playground.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "playground.staticfiles.StaticFiles",
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
        "DIRS": [DATA_DIR / "templates"],
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
METRICS_FROM = env.networks("METRICS_FROM", ("127.0.0.1", "::1"))
JOB_KEY = env.secret("JOB_KEY", VAR_DIR / "job_key") if REDIS_URL else ""
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "bpfscope:cache",
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

STATIC_URL = "/static/"
# Only built files, no sources.
STATICFILES_DIRS = [("dist", DATA_DIR / "static" / "dist"), DATA_DIR / "static" / "public"]
SILENCED_SYSTEM_CHECKS = ["staticfiles.W004"]  # static/dist is not there before the page is built
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # the bundle is served from where it was built: no collectstatic step to forget
WHITENOISE_AUTOREFRESH = DEBUG

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
)
DATA_UPLOAD_MAX_MEMORY_SIZE = limits.BODY_BYTES
EXAMPLES_DIR = DATA_DIR / "examples"
GALLERY_DIR = DATA_DIR / "gallery"
# module:function that runs a request and says what happens: dict -> iterator of protocol messages.
JOB_FUNCTION = "playground.present.run:run_job"

# What these mean, and their defaults: playground/config/limits.py.
SOURCE_BYTES = limits.SOURCE_BYTES
FILES_BYTES = limits.FILES_BYTES
ELF_BYTES = limits.ELF_BYTES
PCAP_BYTES = limits.PCAP_BYTES
RECORDING_BYTES = limits.RECORDING_BYTES
PACKET_BYTES = limits.PACKET_BYTES
LOG_BYTES = limits.LOG_BYTES
SHARED_LOG_BYTES = limits.SHARED_LOG_BYTES
MESSAGE_BYTES = limits.MESSAGE_BYTES
BODY_BYTES = limits.BODY_BYTES
UPLOAD_MB = env.limit("UPLOAD_MB")

WORKERS = env.limit("WORKERS")
QUEUE_LENGTH = env.limit("QUEUE_LENGTH")
QUEUE_PER_ADDRESS = env.limit("QUEUE_PER_ADDRESS")
QUEUE_SECONDS = env.limit("QUEUE_SECONDS")
RUNS_PER_MINUTE = env.limit("RUNS_PER_MINUTE")
JOB_SECONDS = env.limit("JOB_SECONDS")
JOB_CPU_SECONDS = env.limit("JOB_CPU_SECONDS")
JOB_MEMORY_MB = env.limit("JOB_MEMORY_MB")
JOB_OUTPUT_MB = env.limit("JOB_OUTPUT_MB")
JOB_FILE_MB = env.limit("JOB_FILE_MB")
JOBS_PER_WORKER = env.limit("JOBS_PER_WORKER")
WORKER_GROWTH_PERCENT = env.limit("WORKER_GROWTH_PERCENT")
SHUTDOWN_SECONDS = env.limit("SHUTDOWN_SECONDS")

# Finished runs are kept to answer the same request again, the least recently used dropped first.
SPOOL_DIR = VAR_DIR / "spool"
SPOOL_MB = env.limit("SPOOL_MB")
DISK_FREE_MB = env.limit("DISK_FREE_MB")

# Per client address, which many users may share, for example behind NAT.
UPLOADS_PER_HOUR = env.limit("UPLOADS_PER_HOUR")
UPLOADS_MB = env.limit("UPLOADS_MB")
UPLOADS_MB_PER_ADDRESS = env.limit("UPLOADS_MB_PER_ADDRESS")
REPORTS_PER_HOUR = env.limit("REPORTS_PER_HOUR")
SHARES_PER_HOUR = env.limit("SHARES_PER_HOUR")
MAX_CONNECTIONS = env.limit("MAX_CONNECTIONS")
CONNECTIONS_PER_ADDRESS = env.limit("CONNECTIONS_PER_ADDRESS")
HEADER_SECONDS = env.limit("HEADER_SECONDS")
STALL_SECONDS = env.limit("STALL_SECONDS")
SHARE_MB_PER_HOUR = env.limit("SHARE_MB_PER_HOUR")
SOCKETS_PER_ADDRESS = env.limit("SOCKETS_PER_ADDRESS")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(levelname)s %(name)s: %(message)s"},
        "json": {"()": "playground.config.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": env.choice("LOG_FORMAT", ("text", "json"))}},
    "loggers": {"playground": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO").upper()}},
}
