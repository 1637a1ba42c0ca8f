"""The report for everybody: how many asked for help, how many got it, and what happened to the others."""

from collections.abc import Sequence

from divert_chassis.words import UNSAID
from divert_reporting.adapters.figures import figures
from divert_reporting.domain.cells import Cells
from divert_reporting.domain.cost import Line, lines
from divert_reporting.domain.equity import SMALLEST, Area, Suppression, suppressed
from divert_reporting.domain.figures import agreement
from divert_reporting.pages.report.numbers import Numbers, count, percent, period, said, share, timed, took
from divert_reporting.pages.report.page import Bar, Chart, Columns, Headline, Note, Report, Section, Table

STEPS = ("received", "triaged", "eligible", "routed", "offered", "acknowledged", "on_scene", "resolved")
STEP_WORDS = {
    "received": "received",
    "triaged": "judged by the rules",
    "eligible": "fit for an unarmed team",
    "routed": "a provider could be asked",
    "offered": "offered to a provider",
    "acknowledged": "a provider took it",
    "on_scene": "a team came, or rang",
    "resolved": "closed by the team",
}
SPANS = {
    "answered_911_to_on_scene": "911 answers \N{RIGHTWARDS ARROW} team there",
    "cad_created_to_on_scene": "call entered \N{RIGHTWARDS ARROW} team there",
    "accepted_to_on_scene": "divert has it \N{RIGHTWARDS ARROW} team there",
    "offered_to_on_scene": "first offer \N{RIGHTWARDS ARROW} team there",
    "acknowledged_to_on_scene": "provider takes it \N{RIGHTWARDS ARROW} team there",
    "on_scene_to_cleared": "team there \N{RIGHTWARDS ARROW} team free",
}
QUALITY = {
    "no_911_answer_time": "no time at which 911 answered",
    "no_cad_entry_time": "no time at which the call was entered",
    "no_area": "no usable area",
    "area_disputed": "sources disagree on the area",
    "cad_out_of_order": "dispatch stamps out of order",
    "team_out_of_order": "team stamps out of order",
    "on_scene_not_said": "in-person contact, but arrival never said",
    "unknown_words": "a code that divert does not know",
    "anything_unreadable": "something could not be read",
    "screening_assumed": "safety answers assumed by an import",
    "screening_not_asked": "safety questions not asked",
    "recorded_late": "entered after it was over",
    "queued_taps": "a team's step came over a minute late",
    "responder_not_reported": "not served, and nobody said who went",
}
HIDDEN = f"fewer than {SMALLEST}, or withheld"


def council(numbers: Numbers) -> Report:
    """Compose the published report; nothing in it leads back to single calls."""
    hidden = _hidden(numbers)
    sections = [
        _outcomes(numbers),
        _funnel(numbers, hidden),
        _response(numbers, hidden),
        _not_served(numbers),
        _missed(numbers),
        _ineligible(numbers),
        _police(numbers),
        _providers(numbers, hidden),
        _after(numbers),
        _demand(numbers, hidden),
        _equity(numbers, hidden),
        _cost(numbers, hidden),
        _agreement(numbers),
        _quality(numbers),
        _method(numbers),
    ]
    return Report(
        title="What became of the calls",
        period=period(numbers.since, numbers.until, numbers.zone),
        about=(
            "Some calls to 911 need care rather than police. This report says, of every call that was considered for"
            " an unarmed team, what became of it. Every call is counted once."
        ),
        headlines=_headlines(numbers),
        sections=sections,
        foot=_foot(numbers),
    )


def note(*names: str) -> Sequence[Note]:
    """Return what goes below figures."""
    return [Note(one.definition, one.source, one.cannot, one.unit) for one in (figures()[name] for name in names)]


def _headlines(numbers: Numbers) -> Sequence[Headline]:
    funnel, outcomes = numbers.diverted, numbers.figures["outcomes"]
    asked, eligible = funnel.n("received"), funnel.n("eligible")
    served = outcomes.total("diverted", "served")
    others = asked - served
    endings = sorted(
        ((part, outcomes.total("diverted", part)) for part in outcomes.parts("diverted") if part != "served"),
        key=lambda one: (-one[1], one[0]),
    )
    told = "; ".join(f"{n:,} {said(part)}" for part, n in endings) or "none"
    observed = numbers.observed.n("received")
    assumed = numbers.figures["quality"].n("calls", "screening_assumed")
    return [
        Headline(
            f"{asked:,}",
            f"n = {asked + observed:,} calls in all",
            f"times somebody asked for help and the dispatcher thought of an unarmed team; another {observed:,} calls"
            " went the usual way and were only looked at afterwards.",
        ),
        Headline(
            f"{served:,}",
            f"n = {asked:,} calls sent for a team, {eligible:,} of them fit for one",
            f"of them got a team: {percent(served, asked)} of all that were sent, {percent(served, eligible)} of those"
            " that an unarmed team could take.",
        ),
        Headline(f"{others:,}", f"n = {asked:,} calls sent for a team", f"did not: {told}."),
        *([_assumed(assumed, asked + observed)] if assumed else []),
    ]


def _assumed(assumed: int, of: int) -> Headline:
    return Headline(
        f"{assumed:,}",
        f"n = {of:,} calls in all",
        "of these calls came by an import that filled in the answers to the safety questions. No caller gave them:"
        " whether a team would have been safe there is not known, and every number here has these calls in it.",
    )


def _outcomes(numbers: Numbers) -> Section:
    outcomes = numbers.figures["outcomes"]
    charts: list[Chart] = []
    tables: list[Table] = []
    for feed, title in (("diverted", "Sent for an unarmed team"), ("observed", "Went the usual way")):
        total = outcomes.total(feed)
        parts = sorted(outcomes.parts(feed), key=lambda part: (-outcomes.total(feed, part), part))
        bars = [Bar(said(part).capitalize(), n, share(n, total)) for part in parts if (n := outcomes.total(feed, part))]
        charts.append(Chart(f"{title} (n = {total:,})", bars, max(total, 1)))
        rows = sorted(
            outcomes.of(feed), key=lambda one: (-outcomes.total(feed, one.part), one.part, -one.n, one.measure)
        )
        tables.append(
            Table(
                title,
                ("outcome", "why", "calls", "share"),
                [(said(one.part), said(one.measure), f"{one.n:,}", percent(one.n, total)) for one in rows],
                texts=2,
            )
        )
    served, total = outcomes.total("diverted", "served"), outcomes.total("diverted")
    return Section(
        "outcomes",
        "What became of every call",
        [
            (
                f"Of the calls sent for an unarmed team, {share(served, total)} were served: a team came to the"
                " person, or spoke with them."
            ),
            "Every call has exactly one outcome and one reason. A call that is still open is shown as such.",
        ],
        charts,
        tables,
        note("outcomes"),
    )


def _funnel(numbers: Numbers, hidden: Suppression) -> Section:
    charts: list[Chart | Columns] = []
    for funnel, title in ((numbers.diverted, "Sent for an unarmed team"), (numbers.observed, "Went the usual way")):
        first = funnel.n("received")
        steps = STEPS if funnel is numbers.diverted else STEPS[:3]
        bars = [Bar(STEP_WORDS[step].capitalize(), n, share(n, first)) for step in steps for n in (funnel.n(step),)]
        charts.append(Chart(f"{title} (n = {first:,})", bars, max(first, 1)))
    hours = [f"{hour:02d}" for hour in range(24)]
    counts = [numbers.diverted.n("received", hour, "hour") for hour in hours]
    charts.append(Columns("Calls sent for a team, by the hour of the day", hours, counts))
    both = numbers.figures["funnel"]
    rows = [
        (said(part), *(f"{both.n(step, part, dimension):,}" for step in STEPS))
        for dimension in ("programme", "acuity", "origin")
        for part in both.parts(dimension)
        if dimension != "programme" or part not in hidden.groups["programmes"]
    ]
    types = sorted(both.parts("type"), key=lambda part: (-both.n("received", part, "type"), part))
    head = ("", *(STEP_WORDS[step] for step in STEPS))
    received, resolved = numbers.diverted.n("received"), numbers.diverted.n("resolved")
    return Section(
        "funnel",
        "How far calls came",
        [
            (
                f"Of {count(received, 'call', 'calls')} sent for a team,"
                f" {share(numbers.diverted.n('offered'), received)}"
                f" were offered to a provider, and {share(resolved, received)} were closed by a team."
            ),
            *_withheld(hidden, "programmes"),
        ],
        charts,
        [
            Table("By programme, acuity and origin (both feeds)", head, rows),
            Table(
                "By the dispatch system's type of call (both feeds), the twelve most frequent",
                head,
                [(part, *(f"{both.n(step, part, 'type'):,}" for step in STEPS)) for part in types[:12]],
            ),
        ],
        note("funnel"),
    )


def _response(numbers: Numbers, hidden: Suppression) -> Section:
    times = numbers.figures["response"]
    bars: list[Bar] = []
    for measure, words in SPANS.items():
        cell = times.cell(measure)
        if cell.median is not None and cell.p90 is not None:
            text = f"{took(cell.median)}; P90 {took(cell.p90)}; n = {cell.n:,}"
            bars.append(Bar(words, cell.median, text, reach=cell.p90))
    whole = times.cell("cad_created_to_on_scene")
    rows = [(SPANS[one], *timed(times.cell(one))) for one in SPANS]
    by_programme = [
        (said(part), SPANS[one], *timed(times.cell(one, part, "programme")))
        for part in times.parts("programme")
        if part not in hidden.groups["programmes"]
        for one in ("cad_created_to_on_scene", "acknowledged_to_on_scene")
    ]
    by_acuity = [
        (said(part), SPANS[one], *timed(times.cell(one, part, "acuity")))
        for part in times.parts("acuity")
        for one in ("cad_created_to_on_scene", "acknowledged_to_on_scene")
    ]
    if whole.median is None:
        first = "In this period no call has both times that are needed to say how long it took."
    else:
        first = (
            f"From the entry of the call until the team was there, half of the calls took no more than"
            f" {took(whole.median)}, and nine in ten no more than {took(whole.p90)} (n = {whole.n:,},"
            f" {whole.missing:,} without a usable time)."
        )
    return Section(
        "response",
        "How long it took",
        [first, "The bar is the median; the thin line goes on to the P90.", *_withheld(hidden, "programmes")],
        [Chart("From one step to the next", bars, max((bar.reach or bar.n for bar in bars), default=1))],
        [
            Table("", ("from \N{RIGHTWARDS ARROW} to", "median", "P90", "n", "n missing"), rows),
            Table(
                "By programme", ("", "from \N{RIGHTWARDS ARROW} to", "median", "P90", "n", "n missing"), by_programme, 2
            ),
            Table("By acuity", ("", "from \N{RIGHTWARDS ARROW} to", "median", "P90", "n", "n missing"), by_acuity, 2),
        ],
        note("response"),
    )


def _not_served(numbers: Numbers) -> Section:
    cells = numbers.figures["not_served"]
    total = cells.total("diverted")
    reasons = sorted(cells.parts("diverted"), key=lambda part: (-cells.total("diverted", part), part))
    bars = [
        Bar(said(part).capitalize(), n, share(n, total)) for part in reasons for n in (cells.total("diverted", part),)
    ]
    who = _who(cells, "diverted")
    rows = [(said(part), *(f"{cells.n(one, part, 'diverted'):,}" for one in who)) for part in reasons]
    lost = f"{count(total, 'call', 'calls')} could have been taken by an unarmed team, were sent for one, and got none."
    return Section(
        "not-served",
        "Fit for a team, and not served",
        [lost if total else "Every call that was sent for a team and fit for one got one."],
        [Chart(f"Why (n = {total:,})", bars, max((bar.n for bar in bars), default=1))] if bars else [],
        [Table("Why, and who went instead", ("why", *map(said, who)), rows)] if rows else [],
        note("not_served"),
    )


def _who(cells: Cells, dimension: str) -> Sequence[str]:
    return sorted({one.measure for one in cells.of(dimension)})


def _missed(numbers: Numbers) -> Section:
    cells = numbers.figures["missed_eligible"]
    total = cells.n("calls")
    answers = ("yes", "no", "unknown", "not_asked")
    rows = [
        (kind, *(f"{cells.n('calls', answer, kind):,}" for answer in answers), f"{total:,}")
        for kind in ("arrest", "force", "hold")
    ]
    went = sorted(cells.parts("who"), key=lambda part: (-cells.n("calls", part, "who"), part))
    bars = [Bar(said(part).capitalize(), n, share(n, total)) for part in went for n in (cells.n("calls", part, "who"),)]
    unscreened, assumed = (cells.n("calls", part, "screening") for part in ("unscreened", "assumed"))
    observed = cells.n("calls", "observed", "feed")
    says = [
        (
            f"{count(total, 'call', 'calls')} looked fit for an unarmed team and got none:"
            f" {share(observed, total)} of them"
            " were never sent for one."
        ),
        (
            f"Of all these, {share(unscreened, total)} were judged without the safety questions, and"
            f" {share(assumed, total)} with answers that an import had filled in; some would have turned out too"
            " dangerous."
        ),
    ]
    return Section(
        "missed",
        "The ledger of missed calls",
        says,
        [Chart(f"Who went instead (n = {total:,})", bars, max((bar.n for bar in bars), default=1))] if bars else [],
        [
            Table("What was reported of them", ("", "yes", "no", "unknown", "not reported", "n"), rows),
            Table(
                "By who went",
                ("", "arrest", "force", "hold", "n"),
                [
                    (
                        said(part),
                        *(f"{cells.n('yes', part, kind):,}" for kind in ("who_arrest", "who_force", "who_hold")),
                        f"{cells.n('calls', part, 'who'):,}",
                    )
                    for part in went
                ],
            ),
        ],
        note("missed_eligible"),
    )


def _ineligible(numbers: Numbers) -> Section:
    cells = numbers.figures["ineligible"]
    rows = sorted(
        ((part, cells.n("calls", part, "diverted"), cells.n("calls", part, "observed")) for part in _rules(cells)),
        key=lambda row: (-row[1] - row[2], row[0]),
    )
    diverted = cells.total("diverted")
    of = numbers.diverted.n("received")
    return Section(
        "ineligible",
        "Not for an unarmed team",
        [f"{share(diverted, of)} calls that were sent for a team were judged not fit for one, each by a rule."],
        (),
        [
            Table(
                "By rule",
                ("rule", "sent for a team", "went the usual way"),
                [(said(rule), f"{one:,}", f"{other:,}") for rule, one, other in rows],
            )
        ],
        note("ineligible"),
    )


def _rules(cells: Cells) -> Sequence[str]:
    return sorted({*cells.parts("diverted"), *cells.parts("observed")})


def _police(numbers: Numbers) -> Section:
    without, part, exposure = (numbers.figures[name] for name in ("without_police", "police_part", "exposure"))
    done = without.n("resolved_without_police")
    denominators = (
        ("eligible", "of all that were fit for a team"),
        ("acknowledged", "of those that a provider took"),
        ("reached", "of those where a team spoke with the person"),
    )
    bars = [
        Bar(words.capitalize(), 100 * done / of if of else 0, share(done, of))
        for measure, words in denominators
        for of in (without.n(measure),)
    ]
    taken = part.n("acknowledged")
    measures = (
        ("police_none", "no part at all"),
        ("police_joint", "there from the start"),
        ("backup_asked", "the team asked for backup"),
        ("police_backup_arrived", "backup came"),
        ("medical_help_asked", "the team asked for medical help only"),
        ("emergency", "the team raised an emergency"),
        ("handed_back", "the team gave the call back"),
        ("taken_back", "the dispatcher took it back"),
        ("handed_to_police", "the team handed the person to the police"),
        ("police_reported", "the dispatcher reported police, or a unit without a name"),
    )
    rows = [(words, f"{part.n(measure):,}", percent(part.n(measure), taken)) for measure, words in measures]
    danger = exposure.cell("danger_to_withdrawn")
    if danger.n + danger.missing:
        exposed = (
            f"In {count(danger.n + danger.missing, 'call', 'calls')} danger became known while a team was there."
            " Until it"
            f" was out of it: median {took(danger.median)}, P90 {took(danger.p90)} (n = {danger.n:,},"
            f" {danger.missing:,}"
            " not said)."
        )
    else:
        exposed = "In no call did danger become known while a team was there (n = 0)."
    return Section(
        "police",
        "With and without police",
        [
            (
                f"{count(done, 'call was', 'calls were')} resolved without any part of the police. How large a"
                " share that is"
                " depends on what it is a share of; here are all three."
            ),
            exposed,
        ],
        [Chart("Resolved without police, percent", bars, 100)],
        [
            Table(
                f"What part the police had in calls that a provider took (n = {taken:,})", ("", "calls", "share"), rows
            )
        ],
        note("without_police", "police_part", "exposure"),
    )


def _providers(numbers: Numbers, hidden: Suppression) -> Section:
    offers, answers = numbers.figures["offers"], numbers.figures["answers"]
    names = [one for one in offers.parts("provider") if one not in hidden.groups["providers"]]
    measures = (
        "offered",
        "acknowledged",
        "declined",
        "timed_out",
        "withdrawn",
        "arrived",
        "arrived_in_limit",
        "handed_back",
    )
    head = (
        "",
        "offered",
        "taken",
        "declined",
        "not answered",
        "withdrawn",
        "team came",
        "within the limit",
        "given back",
    )
    rows = [
        (numbers.labels.provider(name), *(f"{offers.n(measure, name, 'provider'):,}" for measure in measures))
        for name in names
    ]
    charts = [
        Chart(
            "Offers taken",
            [
                Bar(
                    numbers.labels.provider(name),
                    100 * taken / of if of else 0,
                    share(taken, of),
                    tone=numbers.labels.programme(name),
                )
                for name in names
                for taken, of in ((offers.n("acknowledged", name, "provider"), offers.n("offered", name, "provider")),)
            ],
            100,
        )
    ]
    reasons = sorted({one.measure for one in offers.of("provider") if one.measure.startswith("declined_")})
    declined = [
        (numbers.labels.provider(name), *(f"{offers.n(reason, name, 'provider'):,}" for reason in reasons))
        for name in names
    ]
    tables = [
        Table("What became of offers", head, rows),
        Table(
            "How long providers took to answer",
            ("", "median", "P90", "n", "n missing"),
            [
                (numbers.labels.provider(name), *timed(answers.cell("offered_to_acknowledged", name, "provider")))
                for name in names
            ],
        ),
    ]
    if reasons:
        head = ("", *(said(reason.removeprefix("declined_")) for reason in reasons))
        tables.append(Table("Why offers were declined", head, declined))
    says = [
        (
            f"{count(offers.n('offered'), 'offer was', 'offers were')} made:"
            f" {share(offers.n('acknowledged'), offers.n('offered'))} taken,"
            f" {offers.n('declined'):,} declined, {offers.n('timed_out'):,} not answered in time."
        )
    ]
    says += _withheld(hidden, "providers")
    return Section("providers", "The providers", says, charts, tables, note("offers", "answers"))


def _withheld(hidden: Suppression, kind: str) -> Sequence[str]:
    """Return the sentence that says which groups a table does not have."""
    left_out = len(hidden.groups[kind])
    if not left_out:
        return ()
    left = count(left_out, f"{kind.removesuffix('s')} is", f"{kind} are")
    return (f"{left} left out by name: such numbers would tell of areas with few calls.",)


def _after(numbers: Numbers) -> Section:
    closed, follow = numbers.figures["dispositions"], numbers.figures["follow_up"]
    taken = closed.total("all")
    parts = sorted(closed.of("all"), key=lambda one: (-one.n, one.measure))
    bars = [Bar(said(one.measure).capitalize(), one.n, share(one.n, taken)) for one in parts]
    served = follow.n("served")
    rows = [
        (words, f"{follow.n(measure):,}", percent(follow.n(measure), served))
        for measure, words in (
            ("wanted", "a follow-up was wanted"),
            ("made", "it was made"),
            ("reached", "the person was reached"),
            ("connected", "the person is with a service"),
            ("declined", "the person declined"),
            ("not_reached", "the person was not reached"),
        )
    ]
    return Section(
        "after",
        "How cases were closed, and what came after",
        [
            (
                f"A follow-up was made in {share(follow.n('made'), served)} served calls; in"
                f" {share(follow.n('connected'), served)} the person is now with a service."
            )
        ],
        [Chart(f"How teams closed their cases (n = {taken:,})", bars, max((bar.n for bar in bars), default=1))],
        [Table(f"Follow-up (n = {served:,} served calls)", ("", "calls", "share"), rows)],
        note("dispositions", "follow_up"),
    )


def _demand(numbers: Numbers, hidden: Suppression) -> Section:
    unmet, places = numbers.figures["unmet_demand"], numbers.figures["repeat_places"]
    without = [one for one in _areas(numbers) if not one.has_teams]
    rows = [
        (numbers.labels.division(one.name), HIDDEN, HIDDEN)
        if one.name in hidden.areas
        else (numbers.labels.division(one.name), f"{one.not_served:,}", f"{one.observed or 0:,}")
        for one in without
    ]
    together = hidden.areas.issuperset(one.name for one in without)
    cells = sorted(unmet.of("all"), key=lambda one: (-one.n, one.measure))
    bars = [Bar(said(one.measure).capitalize(), one.n, f"{one.n:,}") for one in cells]
    nowhere = unmet.n("no_provider_in_area")
    again = sum(one.n for one in places.all if one.measure == "places" and one.part != "1")
    every = sum(one.n for one in places.all if one.measure == "places")
    return Section(
        "demand",
        "Where there was nobody to ask",
        [
            (
                f"{count(nowhere, 'call', 'calls')} fit for a team came from areas that no provider serves"
                f" (n = {unmet.total('all'):,} eligible calls for which nobody was found or asked)."
            ),
            (
                f"{count(len(without), 'division has', 'divisions have')} no provider with teams of its own: of the"
                f" eligible calls there, {sum(one.not_served for one in without):,} were sent for a team and got none,"
                f" and {sum(one.observed or 0 for one in without):,} were never sent for one."
            ),
            *([f"They are told together, because single ones have fewer than {SMALLEST}."] if together else []),
            f"{share(again, every)} places with eligible calls had more than one.",
        ],
        [Chart("Eligible calls without a team, by why", bars, max((bar.n for bar in bars), default=1))] if bars else [],
        [
            Table(
                "Eligible calls of divisions where no provider has teams",
                ("division", "sent for a team, and none came", "never sent for one"),
                [] if together else rows,
            ),
            Table(
                "Places by how many eligible calls they had",
                ("calls of a place", "places", "calls"),
                [
                    (part, f"{places.n('places', part):,}", f"{places.n('calls', part):,}")
                    for part in places.parts("all")
                ],
            ),
        ],
        note("unmet_demand", "equity", "repeat_places"),
    )


def _areas(numbers: Numbers) -> Sequence[Area]:
    cells, unmet, labels = numbers.figures["equity"], numbers.figures["unmet_demand"], numbers.labels
    names = {str(one.number) for one in labels.divisions} | set(cells.parts("division"))
    return [
        Area(
            name,
            cells.n("eligible", name, "division"),
            cells.n("served", name, "division"),
            None if labels.has_teams(name) else unmet.n("not_referred", name, "division"),
            has_teams=labels.has_teams(name),
        )
        for name in sorted(names, key=lambda name: (len(name), name))
    ]


def _hidden(numbers: Numbers) -> Suppression:
    """Return what is left out; the total of the divisions without teams is told, as the reason is that nobody came."""
    areas = _areas(numbers)
    kinds = {"providers": numbers.labels.by_provider, "programmes": numbers.labels.by_programme}
    return suppressed(areas, kinds, [{one.name for one in areas if not one.has_teams}])


def _equity(numbers: Numbers, hidden: Suppression) -> Section:
    cells, areas = numbers.figures["equity"], _areas(numbers)
    rows: list[Sequence[str]] = []
    bars: list[Bar] = []
    districts: list[Sequence[str]] = []
    for area in areas:
        name = numbers.labels.division(area.name)
        if area.name in hidden.areas:
            rows.append((name, HIDDEN, HIDDEN, UNSAID))
            continue
        rows.append((name, f"{area.eligible:,}", f"{area.served:,}", percent(area.served, area.eligible)))
        bars.append(Bar(name, 100 * area.served / area.eligible, share(area.served, area.eligible)))
        parts = [part for part in cells.parts("district") if part.partition("/")[0] == area.name]
        within = [Area(one, cells.n("eligible", one, "district"), cells.n("served", one, "district")) for one in parts]
        shut = suppressed(within, {}).areas
        districts += [
            (
                f"{name}, {one.name.partition('/')[2]}",
                f"{one.eligible:,}",
                f"{one.served:,}",
                percent(one.served, one.eligible),
            )
            for one in within
            if one.name not in shut and len(within) > 1
        ]
        if shut:
            districts.append(
                (f"{name}: {count(len(shut), 'other district', 'other districts')}", HIDDEN, HIDDEN, UNSAID)
            )
    eligible, served = sum(one.eligible for one in areas), sum(one.served for one in areas)
    says = [
        f"Over the whole city {share(served, eligible)} eligible calls were served.",
        (
            f"Numbers below {SMALLEST} are withheld, so that nobody can be found in them; further areas are"
            " withheld where"
            f" a small number could otherwise be worked out: {len(hidden.areas)} of {len(areas)} divisions."
        ),
    ]
    head = ("division", "eligible", "served", "share")
    tables = [Table("By division", head, rows if len(hidden.areas) < len(areas) else [])]
    if districts:
        tables.append(Table("By reporting district, in divisions that are shown", ("district", *head[1:]), districts))
    charts = [Chart("Served, percent of eligible", bars, 100)] if bars else []
    return Section("equity", "Was help given equally", says, charts, tables, note("equity"))


def _cost(numbers: Numbers, hidden: Suppression) -> Section:
    responses = numbers.diverted.n("acknowledged")
    served = numbers.figures["outcomes"].total("all", "served")
    found = lines(numbers.hours, responses=responses, served=served, assumed=numbers.assumed)
    used = list(dict.fromkeys(name for line in found for name in line.uses))
    shift, busy = sum(one.shift or 0.0 for one in numbers.hours), sum(one.busy for one in numbers.hours)
    if numbers.agency is None:
        worked = f"Teams were on shift for {shift:,.1f} hours and had a case for {busy:,.1f} of them"
    else:
        worked = (
            f"Teams had a case for {busy:,.1f} hours. A team on shift stands ready for the calls of every agency, so"
            " hours on shift cannot be divided by agency: they are left out, and so is what a served call costs by them"
        )
    hours = [
        (
            numbers.labels.provider(one.provider),
            UNSAID if one.shift is None else f"{one.shift:,.1f}",
            f"{one.busy:,.1f}",
            UNSAID if one.idle_share is None else f"{one.idle_share:.0%}",
        )
        for one in numbers.hours
        if one.provider not in hidden.groups["providers"]
    ]
    assumed = [
        (
            f"{one.text}{' (provisional)' if one.provisional else ''}",
            f"{one.low:g}",
            f"{one.value:g}",
            f"{one.high:g}",
            one.unit,
            one.source,
        )
        for one in (numbers.assumed[name] for name in used)
    ]
    return Section(
        "cost",
        "What it cost",
        [
            f"{worked} (n = {responses:,} calls taken).",
            (
                "divert records hours, never money. Every amount below comes from these hours and from"
                " assumptions, which"
                " stand beside it with a low and a high; sources differ on what the published rates are for, so each"
                " reading is shown."
            ),
        ],
        (),
        [
            Table(
                "Amounts in US dollars",
                ("", "low", "central", "high", "made of", "assumes"),
                [_amount(line, numbers) for line in found],
            ),
            Table(
                f"Assumptions ({numbers.assumed.version})",
                ("", "low", "central", "high", "unit", "source"),
                assumed,
            ),
            Table("Hours", ("provider", "on shift", "with a case", "idle"), hours),
        ],
        [
            Note(
                "Team-hours on shift: the sum over each provider's changes of shift of teams on shift times hours."
                " Team-hours with a case: from acknowledgement until the case was closed, handed back or"
                " recalled; cases that overlap are added up, and drills are left out.",
                "shifts.v1, cases.v1, routing.v1; the assumptions as printed",
                "What the city paid. The contracts say that.",
                "US dollars, hours",
            )
        ],
    )


def _amount(line: Line, numbers: Numbers) -> Sequence[str]:
    amount = line.amount
    assumes = "; ".join(
        f"{one.text.lower()} {one.low:g}\N{EN DASH}{one.high:g} {one.unit}"
        for one in (numbers.assumed[name] for name in line.uses)
    )
    return (line.what, f"${amount.low:,.0f}", f"${amount.value:,.0f}", f"${amount.high:,.0f}", line.made_of, assumes)


def _agreement(numbers: Numbers) -> Section:
    cells = numbers.figures["agreement"].of("rules")
    found = agreement((one.part, one.measure, one.n) for one in cells)
    if found.share is None or found.low is None or found.high is None:
        says = "No decision of the rules was decided again by a person in this period (n = 0)."
    else:
        says = (
            f"Where a person decided again without knowing what the rules had decided, both agreed in"
            f" {share(found.agreed, found.rereviewed)} calls (95% interval {found.low:.0%} to {found.high:.0%})."
        )
    rows = [(said(one.part), said(one.measure), f"{one.n:,}") for one in cells]
    return Section(
        "agreement",
        "Do people agree with the rules",
        [says],
        (),
        [Table("What the rules said, and what the person would have", ("the rules", "the person", "calls"), rows, 2)],
        note("agreement"),
    )


def _quality(numbers: Numbers) -> Section:
    cells, outside = numbers.figures["quality"], numbers.figures["outside"]
    total = cells.n("calls", "calls")
    rows = [
        (words, f"{cells.n('calls', part):,}", percent(cells.n("calls", part), total))
        for part, words in QUALITY.items()
    ]
    drills, own, unopened = (outside.n("calls", one) for one in ("exercise", "officer_initiated", "not_accepted"))
    calls, facts = numbers.corrections
    return Section(
        "quality",
        "How good the records are",
        [
            f"Something could not be read in {share(cells.n('calls', 'anything_unreadable'), total)} calls.",
            (
                f"Left out of every figure: {count(drills, 'drill', 'drills')},"
                f" {count(own, 'record', 'records')} of officers' own activity, where nobody called, and"
                f" {count(unopened, 'call', 'calls')} of which nobody said that they were accepted."
            ),
            (
                f"{count(calls, 'call was', 'calls were')} corrected after it had been told what became of them, by"
                f" {count(facts, 'late or changed word', 'late or changed words')}; the figures here have the"
                " corrections in them."
            ),
        ],
        (),
        [Table(f"What is wrong with how many calls (n = {total:,})", ("", "calls", "share"), rows)],
        note("quality", "outside"),
    )


def _method(numbers: Numbers) -> Section:
    zone = numbers.zone.key
    return Section(
        "method",
        "How this was made, and what it cannot say",
        [
            (
                "divert keeps a log of facts: each thing that happened to a call, in the order in which it was"
                " told. The"
                " figures are counted from one row a call, and a row follows from the call's facts alone: it does not"
                " matter when or in which order they came. Whoever has the log can count everything again."
            ),
            (
                f"A call belongs to the period in which it was accepted. Days begin at midnight, {zone}. Facts"
                " that come"
                " later change the figures of the period to which the call belongs; the seal below shows whether"
                " any did."
            ),
            (
                "Median and P90 are nearest ranks: times that a call really took. Shares are rounded to whole"
                " percents and"
                " always printed with their counts."
            ),
            (
                "What this report cannot say: how people fared afterwards; whether a call that was not served"
                " would have"
                " gone well with a team; whether the dispatcher should have thought of a team more often, beyond"
                " the calls"
                " that the rules find fit; anything about calls that never reached divert."
            ),
        ],
    )


def _foot(numbers: Numbers) -> Sequence[str]:
    seal = numbers.seal
    return (
        f"Seal {seal.mark}. SHA-256 of the whole seal: {seal.whole}; of the figures: {seal.figures}.",
        *(f"Table {name}: {value}." for name, value in sorted(seal.tables.items())),
        "Log handled up to: " + ", ".join(f"{place} {offset}" for place, offset in sorted(seal.log.items())) + ".",
    )
