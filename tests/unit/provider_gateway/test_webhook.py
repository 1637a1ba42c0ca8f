"""What is sent to a provider's endpoint, when again, and when no more; and what is remembered of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_contracts.call import Private
from divert_contracts.envelope import Envelope, decode, structured
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import CaseErased, CaseUpdated
from divert_contracts.step import Next
from divert_contracts.vocabulary import Stage
from divert_provider_gateway.domain import webhook
from divert_provider_gateway.domain.case import Rules
from divert_provider_gateway.domain.webhook import (
    FAILURES_BEFORE_PAUSE,
    PAUSE,
    TRIES,
    ClaimDelivery,
    Deliveries,
    DeliveryOver,
    DeliveryTried,
    Ending,
    Endpoint,
    EndpointHeard,
    RegisterEndpoint,
    Result,
    RotateSecret,
    SecretOver,
    addressable,
)

from .test_case import ANSWER_BY, CASE, NOON, a_recall, an_offer

RULES = Rules()
URL = "https://dispatch.exodus.example/divert"


def seconds(count: float) -> datetime:
    return NOON + timedelta(seconds=count)


@dataclass
class Post:
    """One case's deliveries, with a worker that looks every tenth of a second."""

    state: Deliveries = field(default_factory=lambda: Deliveries(case_id=CASE))

    def hear(self, fact: Fact, at: datetime) -> UUID:
        name = uuid4()
        self.state = webhook.told(self.state, Envelope(id=name, source="/divert/routing", fact=fact), RULES, at).state
        return name

    def try_at(self, at: datetime, result: Result, *, retry_after: float = 0) -> UUID | None:
        """Let a worker look; return what it tried."""
        head = self.state.ready(at)
        if head is None:
            return None
        claim = ClaimDelivery(case_id=CASE, message=head.id, until=at + timedelta(seconds=15))
        self._keep(webhook.claimed(self.state, claim, RULES, at))
        self.report(head.id, at, result, retry_after)
        return head.id

    def report(self, message: UUID, at: datetime, result: Result, retry_after: float = 0) -> None:
        tried = DeliveryTried(case_id=CASE, message=message, result=result, seconds=0.0, retry_after=retry_after)
        self._keep(webhook.tried(TRIES, self.state, tried, RULES, at))

    def run(self, until: float, result: Result) -> list[float]:
        """Look every tenth of a second; return when something was tried."""
        tenths = [count / 10 for count in range(int(until * 10) + 1)]
        return [at for at in tenths if self.try_at(seconds(at), result)]

    def _keep(self, after: Next[Deliveries]) -> None:
        assert after.refused is None
        self.state = after.state

    @property
    def endings(self) -> list[Ending]:
        return [one.ending for one in self.state.log]


def an_update(at: datetime) -> CaseUpdated:
    offer = an_offer()
    return CaseUpdated(
        occurred_at=at,
        call_id=offer.call_id,
        agency=offer.agency,
        stage=Stage.ACKNOWLEDGED,
        epoch=offer.epoch,
        case_id=CASE,
        provider=offer.provider,
        picture=offer.picture,
        private=Private(narrative="words"),
    )


def test_an_offer_is_tried_at_0_1_2_5_10_and_20_seconds_and_then_no_more() -> None:
    post = Post()
    post.hear(an_offer(), NOON)
    assert post.run(60, Result.FAILED) == [0, 1, 2, 5, 10, 20]
    assert post.endings == [Ending.GIVEN_UP]
    assert post.state.listing() == {"delivery": webhook.UNDELIVERED}


def test_an_offer_is_never_sent_after_its_deadline() -> None:
    post = Post()
    post.hear(an_offer().model_copy(update={"answer_by": seconds(4)}), NOON)
    assert post.run(60, Result.TIMED_OUT) == [0, 1, 2]
    late = Post()
    late.hear(an_offer(), ANSWER_BY)
    assert late.run(5, Result.DELIVERED) == []
    assert late.endings == [Ending.GIVEN_UP]


def test_an_offer_that_nobody_tried_goes_with_its_deadline_and_counts_as_no_failure() -> None:
    post = Post()
    post.hear(an_offer(), NOON)
    (due,) = post.state.due()
    assert due == (ANSWER_BY, DeliveryOver())
    post.state = webhook.delivery_over(post.state, DeliveryOver(), RULES, ANSWER_BY).state
    assert (post.state.waiting, post.state.due(), post.state.listing()) == ((), (), {})


def test_a_recall_is_tried_on_and_on_and_takes_the_place_of_everything_before_it() -> None:
    post = Post()
    offer = post.hear(an_offer(), NOON)
    assert post.try_at(NOON, Result.FAILED) == offer
    recall = post.hear(a_recall(), seconds(2))
    assert [one.id for one in post.state.log] == [offer]
    assert post.endings == [Ending.SUPERSEDED]
    tries = [count for count in range(2, 500) if post.try_at(seconds(count), Result.FAILED) == recall]
    assert tries[:8] == [2, 3, 4, 7, 12, 22, 42, 62]
    assert post.state.waiting[0].urgent
    assert post.try_at(seconds(520), Result.DELIVERED) == recall
    assert post.endings[-1] is Ending.DELIVERED


def test_what_was_said_before_a_recall_is_not_sent_after_it() -> None:
    post = Post()
    recall = post.hear(a_recall(), seconds(2))
    post.hear(an_offer(), seconds(3))
    assert [one.id for one in post.state.waiting] == [recall]


def test_a_case_s_messages_come_one_after_the_other_and_only_the_newest_update() -> None:
    post = Post()
    offer = post.hear(an_offer(), NOON)
    post.hear(an_update(seconds(1)), seconds(1))
    update = post.hear(an_update(seconds(2)), seconds(2))
    assert post.try_at(seconds(2), Result.FAILED) == offer
    assert post.try_at(seconds(2.5), Result.DELIVERED) is None
    assert [post.try_at(seconds(3 + count), Result.DELIVERED) for count in range(3)] == [offer, update, None]
    assert post.endings == [Ending.SUPERSEDED, Ending.DELIVERED, Ending.DELIVERED]


def test_one_worker_at_a_time_has_a_message_and_a_dead_one_loses_it() -> None:
    post = Post()
    name = post.hear(an_offer(), NOON)
    claim = ClaimDelivery(case_id=CASE, message=name, until=seconds(15))
    post.state = webhook.claimed(post.state, claim, RULES, NOON).state
    assert webhook.claimed(post.state, claim, RULES, seconds(1)).refused == webhook.NOT_YOURS
    assert post.try_at(seconds(14.9), Result.DELIVERED) is None
    assert post.try_at(seconds(15), Result.DELIVERED) == name


def test_an_attempt_that_ends_after_its_message_is_noted() -> None:
    post = Post()
    offer = post.hear(an_offer(), NOON)
    claim = ClaimDelivery(case_id=CASE, message=offer, until=seconds(15))
    post.state = webhook.claimed(post.state, claim, RULES, NOON).state
    post.hear(a_recall(), seconds(1))
    post.report(offer, seconds(2), Result.DELIVERED)
    assert [one.result for one in post.state.log[0].tries] == [Result.DELIVERED]
    assert len(post.state.waiting) == 1


def test_a_receiver_that_asks_for_time_gets_it_within_reason() -> None:
    post = Post()
    post.hear(an_offer(), NOON)
    post.try_at(NOON, Result.REFUSED, retry_after=7)
    assert post.state.waiting[0].next_try == seconds(7)
    post = Post()
    post.hear(a_recall(), NOON)
    post.try_at(NOON, Result.REFUSED, retry_after=99_999)
    assert post.state.waiting[0].next_try == seconds(60)


def test_private_words_go_with_the_message() -> None:
    for result in (Result.DELIVERED, Result.FAILED):
        post = Post()
        post.hear(an_offer().model_copy(update={"private": Private(narrative="canary")}), NOON)
        assert "canary" in post.state.model_dump_json()
        post.run(30, result)
        assert "canary" not in post.state.model_dump_json()


def test_the_body_is_the_event_that_kafka_carries() -> None:
    envelope = Envelope(id=uuid4(), source="/divert/routing", fact=an_offer(), sequence=3)
    headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
    assert decode(structured(envelope), headers) == envelope


@given(
    st.lists(
        st.tuples(st.sampled_from(("offer", "update", "recall", "try", "late")), st.sampled_from(list(Result))),
        max_size=40,
    )
)
def test_whatever_happens_every_message_ends_once_and_nothing_is_kept_of_it(
    history: Sequence[tuple[str, Result]],
) -> None:
    post, heard = Post(), list[UUID]()
    at = NOON
    for what, result in history:
        at += timedelta(seconds=3)
        match what:
            case "offer":
                heard.append(post.hear(an_offer().model_copy(update={"occurred_at": at}), at))
            case "update":
                heard.append(post.hear(an_update(at), at))
            case "recall":
                heard.append(post.hear(a_recall().model_copy(update={"occurred_at": at}), at))
            case "try":
                post.try_at(at, result)
            case _:
                post.report(uuid4(), at, result)
        assert sorted([*(one.id for one in post.state.waiting), *(one.id for one in post.state.log)]) == sorted(heard)
        assert sum(one.urgent for one in post.state.waiting) <= 1
    end = at + timedelta(days=1)
    post.state = webhook.delivery_over(post.state, DeliveryOver(), RULES, end).state
    assert post.state.due() == ()
    assert "words" not in post.state.model_dump_json()


# ----------------------------------------------------------------------------------------------------------- endpoint


def an_endpoint() -> Endpoint:
    command = RegisterEndpoint(provider="exodus", url=URL, secret="whsec_Zmlyc3Q=")
    return webhook.registered(Endpoint(provider="exodus"), command, RULES, NOON).state


def hear(endpoint: Endpoint, result: Result, at: datetime, url: str = URL) -> Endpoint:
    return webhook.heard(endpoint, EndpointHeard(provider="exodus", url=url, result=result), RULES, at).state


def test_a_new_secret_signs_beside_the_old_one_for_a_while() -> None:
    endpoint = an_endpoint()
    rotate = RotateSecret(provider="exodus", secret="whsec_c2Vjb25k", overlap=timedelta(hours=1))
    endpoint = webhook.rotated(endpoint, rotate, RULES, NOON).state
    assert endpoint.signing(NOON) == ("whsec_c2Vjb25k", "whsec_Zmlyc3Q=")
    hour = NOON + timedelta(hours=1)
    assert endpoint.signing(hour) == ("whsec_c2Vjb25k",)
    assert [one.at for one in endpoint.due()] == [hour]
    endpoint = webhook.secret_over(endpoint, SecretOver(), RULES, hour).state
    assert (len(endpoint.secrets), endpoint.due()) == (1, ())


def test_a_secret_that_leaked_can_be_replaced_at_once_and_few_are_ever_kept() -> None:
    endpoint = an_endpoint()
    at_once = RotateSecret(provider="exodus", secret="whsec_bmV3", overlap=timedelta())
    assert webhook.rotated(endpoint, at_once, RULES, NOON).state.signing(NOON) == ("whsec_bmV3",)
    for number in range(9):
        rotate = RotateSecret(provider="exodus", secret=f"whsec_{number}")
        endpoint = webhook.rotated(endpoint, rotate, RULES, NOON).state
    assert endpoint.signing(NOON) == ("whsec_8", "whsec_7", "whsec_6")


def test_an_endpoint_that_is_gone_is_sent_nothing_until_it_is_registered_again() -> None:
    endpoint = hear(an_endpoint(), Result.GONE, NOON)
    assert not endpoint.open
    again = RegisterEndpoint(provider="exodus", url=URL, secret="whsec_YWdhaW4=")
    assert webhook.registered(endpoint, again, RULES, NOON).state.open


def test_an_endpoint_that_keeps_failing_is_left_alone_then_tried_with_one_message_at_a_time() -> None:
    endpoint = an_endpoint()
    for _ in range(FAILURES_BEFORE_PAUSE - 1):
        endpoint = hear(endpoint, Result.FAILED, NOON)
    assert endpoint.room(32, NOON) == 32
    endpoint = hear(endpoint, Result.TIMED_OUT, NOON)
    assert endpoint.room(32, NOON) == 0
    assert endpoint.room(32, NOON + PAUSE) == 1
    assert hear(endpoint, Result.DELIVERED, NOON + PAUSE).room(32, NOON + PAUSE) == 32


def test_what_an_address_of_before_answers_says_nothing() -> None:
    assert hear(an_endpoint(), Result.GONE, NOON, "https://old.exodus.example/").open


def test_a_removed_endpoint_leaves_no_address_and_no_secret() -> None:
    after = webhook.removed(an_endpoint(), webhook.RemoveEndpoint(provider="exodus"), RULES, NOON).state
    assert after == Endpoint(provider="exodus")


def test_secrets_are_not_shown_with_an_endpoint() -> None:
    endpoint = an_endpoint()
    shown = webhook.status(endpoint, NOON)
    assert shown is not None
    assert "whsec_" not in shown.model_dump_json() + repr(endpoint)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "exodus.example",
        "ftp://exodus.example/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:word@exodus.example/",
        "https://exodus.example/#part",
        "https://exodus.example:0/",
        "https://exodus.example:99999/",
        "https://exodus.example/ x",
        "https://exodus.example/\r\nHost: other",
        "https://exodus.example\\@other.example/",
        "https://exodus.example/" + "a" * 2_000,
    ],
)
def test_an_address_that_cannot_be_an_endpoint_s_is_refused(url: str) -> None:
    assert not addressable(url)
    refused = webhook.registered(
        Endpoint(provider="exodus"), RegisterEndpoint(provider="exodus", url=url, secret="s"), RULES, NOON
    )
    assert refused.refused == webhook.BAD_URL


def an_erasure(at: datetime) -> CaseErased:
    offer = an_offer()
    return CaseErased(
        occurred_at=at,
        call_id=offer.call_id,
        agency=offer.agency,
        stage=Stage.CONCLUDED,
        epoch=offer.epoch,
        case_id=CASE,
        provider=offer.provider,
    )


def test_an_erasure_is_told_and_nothing_private_waits_or_is_taken_in_any_more() -> None:
    post = Post()
    post.hear(an_update(NOON), NOON)
    assert "words" in post.state.waiting[0].body
    post.hear(an_erasure(seconds(1)), seconds(1))
    assert post.endings == [Ending.SUPERSEDED]
    post.hear(an_update(seconds(2)), seconds(2))
    assert [one.type for one in post.state.waiting] == ["divert.CaseErased.v1", "divert.CaseUpdated.v1"]
    assert not any("words" in one.body for one in post.state.waiting)


def test_an_erasure_leaves_a_recall_waiting() -> None:
    post = Post()
    post.hear(a_recall(at=NOON), NOON)
    post.hear(an_erasure(seconds(1)), seconds(1))
    assert [one.type for one in post.state.waiting] == ["divert.CaseRecalled.v1", "divert.CaseErased.v1"]
