"""The code keeps the rules that no linter knows, and breaking one would be seen."""

from pathlib import Path

import pytest

from architecture import rules
from architecture.rules import RULES, Rule
from divert_contracts.schemas import FOLDER

ROOT = FOLDER.parents[2]
SERVICE = "services/routing/divert_routing"

BREAKS: dict[Rule, tuple[str, ...]] = {
    rules.only_known_keys_are_logged: (
        "log.info('seen', narrative=call.narrative)",
        "log.info(f'seen {call}')",
        "log.info('seen', call)",
        "log.info('seen', **fact.model_dump())",
        "log.info('seen', type=f'{fact}')",
        "log.error('failed', error=str(why))",
        "logging.getLogger('mine')",
    ),
    rules.no_message_is_lost_by_acknowledging: (
        "policy = AckPolicy.ACK_FIRST",
        "policy = AckPolicy.REJECT_ON_ERROR",
        "broker.subscriber('calls.v1', batch=True)",
        "broker.subscriber('calls.v1', ack_policy=AckPolicy.NACK_ON_ERROR)",
        "broker.subscriber('calls.v1', batch=True, ack_policy=AckPolicy.NACK_ON_ERROR, max_workers=2)",
        "self._broker.publish_batch(one, two)",
        "@broker.publisher('calls.v1')\ndef f(): ...",
    ),
    rules.nothing_is_left_undone: (
        "raise NotImplementedError",
        "x = 1  # TO" + "DO: later",
        "x = y  # type" + ": ignore[name]",
        "x = y  # pyright" + ": ignore",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    g()",
        "with suppress(Exception):\n    f()",
    ),
    rules.what_is_decided_depends_on_no_clock: (
        "at = datetime.now(UTC)",
        "from uuid import uuid4",
        "x = os.environ['X']",
        "began = time.monotonic()",
    ),
    rules.only_adapters_speak_sql: (
        "pool.fetch('SELECT key FROM call')",
        "x = 'insert into call values (1)'",
    ),
    rules.services_have_the_same_files: ("",),
    rules.every_metric_is_counted: ("NEVER_SET = _counter('divert_never_set_total', 'x')",),
}
PLACES: dict[Rule, str] = {
    rules.no_message_is_lost_by_acknowledging: "libs/chassis/divert_chassis/consumer.py",
    rules.services_have_the_same_files: f"{SERVICE}/utils.py",
    rules.every_metric_is_counted: "libs/chassis/divert_chassis/metrics.py",
}
"""Where a rule is broken, if not in a service's ``api.py``."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize(
    ("rule", "source"),
    [(rule, source) for rule, sources in BREAKS.items() for source in sources],
    ids=[f"{rule.__name__}-{number}" for rule, sources in BREAKS.items() for number in range(len(sources))],
)
def test_breaking_the_rule_is_seen(tmp_path: Path, rule: Rule, source: str) -> None:
    path = PLACES.get(rule, f"{SERVICE}/api.py")
    broken = tmp_path / path
    broken.parent.mkdir(parents=True)
    broken.write_text(source)
    (found,) = rule(tmp_path)
    assert found.startswith(path)


def test_every_rule_is_tested_by_breaking_it() -> None:
    assert BREAKS.keys() == set(RULES)
    assert all((ROOT / folder).is_dir() for folder in ("libs/contracts", "libs/chassis", "services", "cli", "sim"))


def test_prose_about_sql_or_clocks_is_no_breach(tmp_path: Path) -> None:
    page = tmp_path / SERVICE / "api.py"
    page.parent.mkdir(parents=True)
    prose = '"""Select calls from the table, with what as () they have, at datetime.now."""'
    page.write_text(f'{prose}\nlabel = "with the person"\nother = "Update the call"\n')
    assert [found for rule in RULES for found in rule(tmp_path)] == []
