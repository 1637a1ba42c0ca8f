"""What the board shows of strips: the order, the first line, the filter, what rings, and what is sent of it."""

from datetime import datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from divert_contracts.vocabulary import Acuity, Stage
from divert_reporting.domain import board
from divert_reporting.domain.board import Wanted
from divert_reporting.domain.pipeline import MOST_BEHIND, Health, troubles, turned
from divert_reporting.domain.strips import LANES, Alarm, AlarmKind, Lane, Strip
from divert_reporting.pages.board import Frame, Sent, query
from divert_reporting.pages.strips import card
from divert_reporting.settings import ZONE
from unit.reporting.stories import after

NOW = after(1000)


def strip(number: int, stage: Stage = Stage.OFFERED, *, due: float | None = 1100, **changes: object) -> Strip:
    return Strip.model_validate(
        {
            "call_id": UUID(int=number),
            "incident_number": f"2610010{number:04d}",
            "agency": "lapd",
            "drill": False,
            "division": 7,
            "call_type": "918",
            "acuity": Acuity.URGENT,
            "stage": stage,
            "accepted_at": after(number),
            "since": after(number),
            "provider": "exodus",
            "due": None if due is None else after(due),
            **changes,
        }
    )


def rings(kind: AlarmKind, at: float, *, ended: float | None = None, name: str = "") -> Alarm:
    return Alarm(
        id=f"{name or kind}-{at}", kind=kind, raised_at=after(at), ended_at=None if ended is None else after(ended)
    )


def shown(strips: list[Strip], wanted: Wanted | None = None, at: datetime = NOW) -> dict[Lane, list[int]]:
    views = board.lanes(strips, wanted or Wanted(), at)
    return {view.lane: [one.call_id.int for one in view.strips] for view in views}


def test_the_late_come_first_then_the_nearest_limit() -> None:
    strips = [strip(1, due=1200), strip(2, due=900), strip(3, due=1010), strip(4, due=None), strip(5, due=700)]
    assert shown(strips)[Lane.OFFERED] == [5, 2, 3, 1, 4]


def test_a_team_in_danger_comes_before_everything_that_is_late() -> None:
    strips = [strip(1, due=500), strip(2, due=2000, emergency=True), strip(3, due=None, emergency=True)]
    assert shown(strips)[Lane.OFFERED] == [2, 3, 1]


def test_a_full_lane_shows_the_most_pressing_and_counts_the_others() -> None:
    strips = [strip(number, due=2000 - number) for number in range(board.MOST_IN_LANE + 60)]
    (view,) = [one for one in board.lanes(strips, Wanted(), NOW) if one.lane is Lane.OFFERED]
    assert (len(view.strips), view.more, view.calls) == (board.MOST_IN_LANE, 60, board.MOST_IN_LANE + 60)
    (alone,) = board.lanes(strips, Wanted(lane=Lane.OFFERED), NOW)
    assert alone.more == 0


def test_the_filter_narrows_and_says_so_in_the_address() -> None:
    strips = [strip(1), strip(2, division=18), strip(3, provider="alcott", due=10), strip(4, Stage.ON_SCENE)]
    assert shown(strips, Wanted(division=18))[Lane.OFFERED] == [2]
    assert shown(strips, Wanted(provider="alcott"))[Lane.OFFERED] == [3]
    assert shown(strips, Wanted(late=True))[Lane.OFFERED] == [3]
    assert list(shown(strips, Wanted(lane=Lane.ON_SCENE))) == [Lane.ON_SCENE]
    assert query(Wanted(lane=Lane.ON_SCENE, division=18, late=True)) == "stage=on_scene&division=18&late=yes"


def test_the_first_line_counts_no_drill() -> None:
    strips = [strip(1), strip(2, Stage.ON_SCENE, due=500), strip(3, drill=True, due=500), strip(9)]
    top = board.top(strips, Wanted(), NOW)
    assert (top.in_flight, top.waiting, top.late, top.oldest_unanswered, top.drills) == (3, 2, 1, after(1), 1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Stage)),
            st.one_of(st.none(), st.floats(0, 2000)),
            st.sampled_from([None, 1, 7]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_every_strip_lies_in_exactly_one_lane(drawn: list[tuple[Stage, float | None, int | None, bool]]) -> None:
    strips = [
        strip(number, stage, due=due, division=division, drill=drill)
        for number, (stage, due, division, drill) in enumerate(drawn)
    ]
    views = board.lanes(strips, Wanted(), NOW)
    assert [view.lane for view in views] == list(LANES)
    assert sum(view.calls for view in views) == len(strips)
    assert sum(view.late for view in views) == sum(one.is_late(NOW) for one in strips)
    places = board.by_division(strips, NOW)
    assert sum(one.calls for one in places.values()) == sum(
        one.division is not None and not one.drill for one in strips
    )


def test_what_concerns_a_team_out_there_rings_first() -> None:
    early = rings(AlarmKind.UNACCEPTED_HAND_OFF, 100)
    team = rings(AlarmKind.UNCONFIRMED_RECALL, 900)
    coming = rings(AlarmKind.UNANSWERED_OFFER, 1001)
    over = rings(AlarmKind.MISSED_SAFETY_CHECK, 10, ended=20)
    raised = board.standing([strip(1, alarms=(early, coming, over))], [team], NOW)
    assert raised == [team, early]


def test_a_provider_that_answers_no_offer_is_down() -> None:
    answers = {"exodus": [False, False, False], "alcott": [False, False], "circle": [False, True, False]}
    assert board.silent(answers) == {"silent-exodus": (AlarmKind.PROVIDER_DOWN, "exodus")}


def test_a_trouble_keeps_its_name_as_long_as_it_lasts() -> None:
    services = [
        Health("routing", answers=True, lag=MOST_BEHIND + 1),
        Health("provider-gateway-circle", answers=False),
        Health("triage", answers=True, dead_letters=2),
        Health("agency-gateway-lapd", answers=True, gone=True),
        Health("intake", answers=True, lag=3),
    ]
    found = troubles(services)
    assert turned(found, [], [], NOW) == ([], []), "what is seen once may be a hiccup"
    begun, over = turned(found, [], found, NOW)
    assert [(one.kind, one.about, one.raised_at) for one in begun] == [
        (AlarmKind.DEAD_LETTER, "triage", NOW),
        (AlarmKind.PROVIDER_DOWN, "circle", NOW),
        (AlarmKind.WEBHOOK_GONE, "agency-gateway-lapd", NOW),
        (AlarmKind.STAGE_LAG, "routing", NOW),
    ]
    assert over == []
    open_ = [one.id for one in begun]
    assert turned(found, open_, found, after(2000)) == ([], [])
    assert turned(troubles(services[-1:]), open_, found, after(2000)) == ([], open_)
    again, _ = turned(found, [], found, after(3000))
    assert not {one.id for one in again} & set(open_), "who saw to the first one has not seen this one"


def test_an_open_board_is_sent_only_what_is_new() -> None:
    sent = Sent()
    frame = Frame({"top": "a", "map": "m"}, {"1": "x", "2": "y"}, {"offered": ["1", "2"]})
    assert sent.news(frame) == {"parts": frame.parts, "cards": frame.cards, "lanes": frame.lanes}
    assert sent.news(frame) == {}
    later = Frame({"top": "b", "map": "m"}, {"2": "y", "3": "z"}, {"offered": ["2", "3"]})
    assert sent.news(later) == {"parts": {"top": "b"}, "cards": {"3": "z"}, "lanes": {"offered": ["2", "3"]}}


def test_a_strip_says_who_has_the_call_in_the_words_of_the_trade() -> None:
    way = strip(1, Stage.ACKNOWLEDGED, arrive_by=after(1500))
    assert card(way, NOW, ZONE).custody == "Exodus has it, by 05:25"
    assert card(way, NOW, ZONE).late is None
    assert card(way, after(2000), ZONE).late == "Late"
    alarm = Alarm(
        id="r", kind=AlarmKind.UNCONFIRMED_RECALL, about="penny-lane", call_id=way.call_id, raised_at=after(900)
    )
    back = card(strip(2, Stage.CONCLUDED, due=900, alarms=(alarm,)), NOW, ZONE)
    assert (back.custody, back.late, back.danger) == ("Penny Lane to confirm recall", "Unconfirmed", True)
