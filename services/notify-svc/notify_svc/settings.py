"""Where the SMS provider is and how patiently it is spoken to; what a shop decides lies in its policy."""

from pydantic import SecretStr

import huitou_chassis as chassis


class Settings(chassis.Settings):
    """`sms_token` is the provider's key, and signs its receipts."""

    sms_url: str = "http://127.0.0.1:8005"
    sms_token: SecretStr = SecretStr("")
    sms_timeout_s: float = 5.0
    sms_lease_s: float = 40.0
    """How long a claimed message belongs to its sender; far longer than a batch of calls may take."""
    sms_backoff_s: float = 1.0
    """The first pause after a failed attempt; each is twice the one before, up to five minutes."""
    sms_attempts: int = 20
    """Calls about one message, questions included, after which it is given up."""
    sms_per_second: int = 200


def settings_of(ctx: chassis.Context) -> Settings:
    """The settings of a process of this service."""
    settings = ctx.settings
    assert isinstance(settings, Settings)
    return settings
