"""Who is held out of a plan: decided by the plan and the customer alone, so that asking again says the same."""

import hashlib

_RANGE = 2**64


def is_held_out(plan_id: str, customer_id: str, share: float) -> bool:
    """True for a `share` of all customers, another one for each plan."""
    digest = hashlib.blake2b(customer_id.encode(), key=plan_id.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest) < share * _RANGE
