"""One real broker for the whole session, with every topic of the configuration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from policy.configuration import load
from policy.topics import topic_plan
from services.console.provision import provision
from services.ledger import database as ledger
from services.notifier.database import SERVICE, Database
from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.database import connect, migrate
from services.runtime.settings import KafkaSettings, read
from tests import postgresql

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One broker on free ports. For all tests: one that kills or pauses starts a cluster of its own."""
    with Cluster(extra=FOR_TESTS) as running:
        yield running


@pytest.fixture(scope="session")
def kafka(cluster: Cluster) -> KafkaSettings:
    """How to reach it; provisioned from the configuration in deploy/."""
    settings = read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap})
    provision(settings, topic_plan(load(DEPLOY)), dry_run=False)
    return settings


@pytest.fixture(scope="session")
def bootstrap(kafka: KafkaSettings) -> str:
    """host:port of the provisioned broker."""
    return kafka.bootstrap_servers


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server of the module's own; skipped where none is installed."""
    if postgresql.binaries() is None:
        pytest.skip(postgresql.MISSING)
    with postgresql.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.db"
    url: str = request.getfixturevalue("server")
    made = connect(url)
    with made.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    made.dispose()
    return url


@pytest.fixture
def ledger_engine(tmp_path: Path) -> Iterator[Engine]:
    """A ledger's empty SQLite file: where which database it is makes no difference."""
    made = connect(f"sqlite:///{tmp_path}/ledger.db")
    ledger.migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A notifier's empty database of each kind in turn."""
    made = connect(database_url)
    migrate(made, SERVICE)
    yield Database(made)
    made.dispose()


@pytest.fixture(params=["en-US", "et"])
def linguistic_url(request: pytest.FixtureRequest, server: str) -> Iterator[str]:
    """An empty PostgreSQL database that sorts texts by the habits of a language: Estonian has z before t."""
    alone = connect(server).execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE linguistic TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' "
            f"LOCALE_PROVIDER icu ICU_LOCALE '{request.param}'"
        )
        yield server.rpartition("/")[0] + "/linguistic"
        connection.exec_driver_sql("DROP DATABASE linguistic")
    alone.dispose()
