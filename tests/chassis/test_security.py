"""The ways to Kafka and PostgreSQL: encrypted, as somebody, and clear about what is wrong."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError

from huitou_chassis import Settings, publishing, topics
from huitou_chassis.consumer import Consumer
from huitou_chassis.db import database_url, user_url
from huitou_chassis.relay import Relay
from huitou_chassis.security import KafkaSecurity, settings_error
from huitou_chassis.service import running
from tests import make
from tests.certificates import Authority
from tests.chassis.secured import PASSWORD, USER, SecuredKafka, behind_tls
from tests.chassis.tally.service import service
from tests.collector import collecting
from tests.flow import platform
from tests.stage import PASSWORD as DATABASE_PASSWORD
from tests.stage import Stage, prepare, stage
from tests.waiting import until

ROOT = Path(__file__).parents[2]
LOGIN: dict[str, Any] = {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "username": USER, "password": PASSWORD}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
async def broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecuredKafka]:
    async with SecuredKafka(tmp_path_factory.mktemp("secured"), authority) as server:
        await server.add_user()
        yield server


async def huitou(*command: str, **env: str) -> tuple[int | None, str]:
    """The status and the output of a command."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "huitou_chassis.cli", *command),
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await child.communicate()
    return child.returncode, output.decode()


async def test_every_client_logs_in_over_tls(broker: SecuredKafka, authority: Authority, tally: Stage) -> None:
    security = KafkaSecurity(**LOGIN, ca_file=authority.file)
    settings = Settings(kafka=broker.login, kafka_security=security)
    assert "shop.trades" in await topics.create(settings)
    tally.ctx.settings = tally.ctx.settings.model_copy(
        update={"kafka": settings.kafka, "kafka_security": settings.kafka_security}
    )
    trade = make.completed(customer="over tls")
    assert (await publishing.publish(settings, [trade.encode()])).published == 1
    stop, relay = asyncio.Event(), Relay(asyncio.Event())
    reading = asyncio.create_task(Consumer(tally.ctx).run(stop))

    async def counted() -> bool:
        return bool(await tally.db.pool.fetchval("SELECT count(*) FROM tally WHERE customer_id = 'over tls'"))

    await until(counted)
    stop.set()
    await reading
    await relay.run(tally.ctx)
    await relay.close()
    assert await tally.db.pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_an_installation_on_this_machine_uses_a_broker_that_asks_who_comes(
    broker: SecuredKafka, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUITOU_KAFKA", broker.login)
    monkeypatch.setenv("HUITOU_KAFKA_SECURITY", json.dumps(LOGIN | {"ca_file": str(authority.file)}))
    body = {"timezone": "Europe/London", "currency": "GBP", "language": "en"}
    with collecting() as collector:
        async with platform.running(tmp_path, collector) as ready:

            async def used() -> bool:
                """Whether the groups of all services have read what this service's relay said."""
                answer = await ready.call("PUT", "notify", "s1", "/settings", json=body)
                assert (answer.status_code, answer.json()) == (200, body) or answer.status_code == 503
                return answer.status_code == 200

            await until(used, within=90)


async def test_a_wrong_password_is_told_and_never_shown(broker: SecuredKafka, authority: Authority) -> None:
    wrong = LOGIN | {"password": "quite wrong", "ca_file": str(authority.file)}
    status, said = await huitou("topics", HUITOU_KAFKA=broker.login, HUITOU_KAFKA_SECURITY=json.dumps(wrong))
    assert status == 1
    assert f"{broker.login}: " in said
    assert "invalid credentials" in said
    assert "quite wrong" not in said


async def test_a_broker_of_an_unknown_authority_is_not_trusted(broker: SecuredKafka, tmp_path: Path) -> None:
    stranger = LOGIN | {"ca_file": str(Authority(tmp_path, "stranger").file)}
    status, said = await huitou("topics", HUITOU_KAFKA=broker.login, HUITOU_KAFKA_SECURITY=json.dumps(stranger))
    assert status == 1
    assert "certificate verify failed" in said


async def test_a_client_may_show_a_certificate(broker: SecuredKafka, authority: Authority) -> None:
    pair = authority.signed("client")
    shown = {"protocol": "SSL", "ca_file": authority.file, "cert_file": pair.certificate, "key_file": pair.key}
    settings = Settings(kafka=broker.mutual, kafka_security=KafkaSecurity.model_validate(shown))
    assert await topics.missing(settings, ["no.such.topic"]) == ["no.such.topic"]
    without = json.dumps({"protocol": "SSL", "ca_file": str(authority.file)})
    status, said = await huitou("topics", HUITOU_KAFKA=broker.mutual, HUITOU_KAFKA_SECURITY=without)
    assert status == 1
    assert broker.mutual in said


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (LOGIN | {"user": "x"}, "HUITOU_KAFKA_SECURITY.user"),
        (LOGIN | {"mechanism": "MD5"}, "HUITOU_KAFKA_SECURITY.mechanism"),
        (LOGIN | {"protocol": PASSWORD}, "HUITOU_KAFKA_SECURITY.protocol"),
        (LOGIN | {"ca_file": "/no/such/file"}, "HUITOU_KAFKA_SECURITY.ca_file"),
        ({"protocol": "SASL_SSL", "username": USER, "password": PASSWORD}, "mechanism: needed here"),
        ({"protocol": "SASL_SSL", "mechanism": "PLAIN", "password": PASSWORD}, "username: needed here"),
        ({"protocol": "SSL", "password": PASSWORD}, "password: has no meaning with SSL"),
        ({"protocol": "SSL", "key_file": __file__}, "cert_file: needed here"),
        ({"protocol": "PLAINTEXT", "ca_file": __file__}, "ca_file: has no meaning with PLAINTEXT"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    value: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUITOU_KAFKA_SECURITY", json.dumps(value))
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert named in settings_error(caught.value, "HUITOU_")
    assert PASSWORD not in str(caught.value) + settings_error(caught.value, "HUITOU_")


async def test_what_is_no_json_is_refused_without_showing_it() -> None:
    status, said = await huitou("topics", HUITOU_KAFKA_SECURITY='{"password": "s3cret"')
    assert (status, said) == (1, "huitou: HUITOU_KAFKA_SECURITY: Value error, not a JSON object\n")
    status, said = await huitou("topics", HUITOU_KAFKA_SECURITY='{"protocol": "SSL", "password": "s3cret"}')
    assert status == 1
    assert "HUITOU_KAFKA_SECURITY: Value error, password: has no meaning with SSL" in said
    assert "s3cret" not in said


def test_every_client_of_kafka_takes_its_options_from_one_place() -> None:
    files = [*ROOT.glob("libs/*/huitou_*/**/*.py"), *ROOT.glob("services/*/*_svc/**/*.py")]
    made = re.compile(r"AIOKafka\w*(?:Client|Consumer|Producer)\((?!\))([^)]*)\)?")
    without = {
        path.name: call
        for path in files
        for call in made.findall(path.read_text())
        if "kafka_options(" not in call and "ConsumerRebalance" not in call
    }
    # The embedded broker asks itself whether it answers.
    assert set(without) == {"kafka.py"}


async def test_postgres_is_reached_over_tls_by_every_user(postgres: str, authority: Authority) -> None:
    async with behind_tls(postgres, authority) as door:
        server = f"{door}?sslmode=verify-full&sslrootcert={authority.file}"
        await prepare(service, server, "tls")
        async with stage(service, server, "tls") as ready:
            assert (await ready.post("/tallies", json={"customer_id": "ada"})).status_code == 201
            await ready.deliver(make.completed(customer="bob"))
            assert await ready.db.pool.fetchval("SELECT count(*) FROM tally") == 2


async def test_an_unknown_authority_or_a_wrong_password_of_postgres_is_told(
    postgres: str, authority: Authority, tmp_path: Path
) -> None:
    async with behind_tls(postgres, authority) as door:
        stranger = f"{door}?sslmode=verify-full&sslrootcert={Authority(tmp_path, 'stranger').file}"
        status, said = await huitou("keys", "list", HUITOU_POSTGRES=stranger)
        assert status == 1
        assert "certificate verify failed" in said
        wrong = user_url(f"{door}?sslmode=verify-full&sslrootcert={authority.file}", "postgres", "quite wrong")
        status, said = await huitou("keys", "list", HUITOU_POSTGRES=wrong)
        assert status == 1
        assert "password authentication failed" in said
        assert "quite wrong" not in said
        status, said = await huitou("keys", "list", HUITOU_POSTGRES=f"{door}?sslmode=nonsense")
        assert status == 1
        assert "sslmode" in said
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await asyncpg.connect(f"{door}?sslmode=disable")


async def test_a_process_keeps_what_the_address_says_of_tls(postgres: str, authority: Authority) -> None:
    """The same address for another database and another user."""
    asked = f"{postgres}?sslmode=verify-full&sslrootcert={authority.file}"
    assert database_url(asked, "other").endswith(f"/other?sslmode=verify-full&sslrootcert={authority.file}")
    assert user_url(asked, "ada", DATABASE_PASSWORD).endswith(f"?sslmode=verify-full&sslrootcert={authority.file}")
    settings = service.settings(postgres=SecretStr(asked), databases="tls")
    with pytest.raises(OSError):
        async with running(service, settings):
            pass
