"""The key with which the services call each other is registered by a command."""

from tests.chassis.test_security import huitou
from tests.stage import Stage

KEY = "huitou_made_by_an_installer"


async def test_a_given_key_may_call_once_it_is_registered(tally: Stage, postgres: str) -> None:
    for _ in range(2):
        status, said = await huitou("keys", "register", HUITOU_POSTGRES=postgres, HUITOU_API_KEY=KEY)
        assert status == 0, said
        assert KEY not in said
    answer = await tally.get("/tallies", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200


async def test_no_key_at_all_is_not_registered(postgres: str) -> None:
    status, said = await huitou("keys", "register", HUITOU_POSTGRES=postgres, HUITOU_API_KEY="")
    assert (status, said) == (1, "huitou keys register: HUITOU_API_KEY is not set\n")
