"""What both OpenAI protocols share: errors, header fields, the list of models, usage."""

from collections.abc import Iterable

from omnillm.testing.replies.speaker import Json, Standing, Trouble

ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "insufficient_quota", "Payment required."),
    403: ("invalid_request_error", None, "You are not allowed to use this model."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    408: ("server_error", "timeout", "Request timed out."),
    409: ("invalid_request_error", None, "The resource is locked."),
    413: ("invalid_request_error", None, "Request too large."),
    422: ("invalid_request_error", None, "Unprocessable request."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", "server_is_overloaded", "The engine is currently overloaded, please try again later."),
    504: ("server_error", "timeout", "The server took too long."),
}
"""Status -> type, code, message."""
VARIANTS: dict[str, tuple[str, str, str]] = {
    "insufficient_quota": (
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "per_day_quota": ("requests", "rate_limit_exceeded", "Rate limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1."),
    "spend_limit": ("invalid_request_error", "billing_hard_limit_reached", "Billing hard limit has been reached."),
    "account_disabled": (
        "invalid_request_error",
        "account_deactivated",
        "The OpenAI account associated with this API key has been deactivated.",
    ),
    "context_length": ("invalid_request_error", "context_length_exceeded", "This model's maximum context length is 128000 tokens."),
    "invalid_encrypted_content": (
        "invalid_request_error",
        "invalid_encrypted_content",
        "The encrypted content could not be verified.",
    ),
    "previous_response_not_found": ("invalid_request_error", "previous_response_not_found", "Previous response not found."),
    "route_not_found": ("invalid_request_error", "unknown_url", "Unknown request URL."),
}
PARAMS = {"previous_response_not_found": "previous_response_id"}


def error_of(trouble: Trouble) -> Json:
    """The inner error object."""
    kind, code, message = VARIANTS.get(trouble.code) or ERRORS.get(trouble.status) or ERRORS[500]
    message = trouble.message or message
    if trouble.retry_s is not None:
        message = f"{message} Please try again in {trouble.retry_s:g}s."
    return {"message": message, "type": kind, "param": PARAMS.get(trouble.code), "code": code}


def error(trouble: Trouble) -> Json:
    return {"error": error_of(trouble)}


def duration(seconds: float) -> str:
    """As OpenAI writes it: 12ms, 1.5s, 6m0s, 1h2m3s."""
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def fields(standing: Standing) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "access-control-expose-headers": "X-Request-ID",
        "openai-organization": "org-fakeprovider",
        "openai-processing-ms": "42",
        "openai-project": "proj_fakeprovider",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": str(standing.limit),
        "x-ratelimit-limit-tokens": "30000000",
        "x-ratelimit-remaining-requests": str(standing.remaining),
        "x-ratelimit-remaining-tokens": "29999990",
        "x-ratelimit-reset-requests": duration(standing.reset_s),
        "x-ratelimit-reset-tokens": "12ms",
        "x-request-id": standing.request_id,
        "cf-cache-status": "DYNAMIC",
        "set-cookie": "__cf_bm=fake.cookie-1.0.1.1; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None",
        "server": "cloudflare",
        "cf-ray": "8c0ffee123456789-AMS",
        "alt-svc": 'h3=":443"; ma=86400',
    }


def models(names: Iterable[str], created: int) -> Json:
    return {"object": "list", "data": [{"id": name, "object": "model", "created": created, "owned_by": "fake"} for name in names]}
