"""Why a message was not delivered: the closed list of codes, for metric, log and page."""

from enum import StrEnum


class Failure(StrEnum):
    """Of a verdict that is not `Delivered`."""

    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    REFUSED = "refused"
    """Nothing listens there."""
    UNREACHABLE = "unreachable"
    DISCONNECTED = "disconnected"
    FORBIDDEN_NETWORK = "forbidden_network"
    """The name leads to a private, loopback or link-local address that the channel does not list."""
    WRONG_URL = "wrong_url"
    SECRET_FILE = "secret_file"  # noqa: S105 - a code
    """Missing, unreadable, or no keys: `referrals check-config` says which."""
    NOT_HTTP = "not_http"
    HTTP_3XX = "http_3xx"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    HTTP_410 = "http_410"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    NO_STARTTLS = "no_starttls"
    PASSWORD_FILE = "password_file"  # noqa: S105 - a code
    SMTP_4XX = "smtp_4xx"
    SMTP_5XX = "smtp_5xx"
    SMTP_LOGIN = "smtp_login"
    RECIPIENT_REFUSED = "recipient_refused"
    NOT_SMTP = "not_smtp"
    UNREADABLE = "unreadable"
    """The message itself is not one: a fault of ours."""
    KAFKA_UNAVAILABLE = "kafka_unavailable"
    KAFKA_DENIED = "kafka_denied"
    KAFKA_REFUSED = "kafka_refused"
