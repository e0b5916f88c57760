"""Cancel Alipay (Antom) payments from Django."""

__version__ = "0.1.0"
