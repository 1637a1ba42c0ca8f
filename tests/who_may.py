"""Who may do what, written by hand after docs/access.md: the code is held against this, never the other way round."""

from collections.abc import Mapping
from types import MappingProxyType

from divert_contracts.access import Role

LETTERS = {
    "c": Role.CAD,
    "d": Role.DESK,
    "p": Role.PROVIDER_DESK,
    "t": Role.PROVIDER_TEAM,
    "o": Role.OPERATIONS,
    "a": Role.ANALYST,
    "m": Role.ADMIN,
}
VERBS = """
intake          POST   /v1/calls                             calls.post              cd
intake          PUT    /v1/calls/{call_id}                   calls.update            c
intake          POST   /v1/calls/{call_id}/reopen            calls.reopen            c
intake          POST   /v1/calls/{call_id}/cancel            calls.cancel            c
intake          POST   /v1/calls/{call_id}/close             calls.close             c
intake          POST   /v1/calls/{call_id}/handoff-accepted  calls.accept-handoff    cd
intake          POST   /v1/calls/{call_id}/responder         calls.report-responder  cd
intake          POST   /v1/calls:batch                       calls.post-batch        c
triage          POST   /v1/decide                            triage.decide           doam
triage          POST   /v1/explain                           triage.explain          doam
triage          GET    /v1/script                            triage.read-script      doam
triage          GET    /v1/policies                          triage.read-policies    doam
routing         GET    /v1/calls                             calls.list              cdom
routing         GET    /v1/calls/{call_id}                   desk.read               d
routing         GET    /v1/calls/{call_id}/status            calls.read-status       cdom
routing         GET    /v1/calls/{call_id}/eido              calls.export-eido       c
routing         GET    /v1/directory                         directory.read          cdptoam
routing         POST   /v1/calls/{call_id}/review            desk.review             d
routing         POST   /v1/calls/{call_id}/direct            desk.direct             d
routing         POST   /v1/calls/{call_id}/clear-danger      desk.clear-danger       d
routing         POST   /v1/calls/{call_id}/answer-question   desk.answer-question    d
routing         POST   /v1/calls/{call_id}/claim             desk.claim              d
routing         POST   /v1/calls/{call_id}/hand-over         desk.hand-over          d
routing         POST   /v1/calls/{call_id}/decide-again      desk.decide-again       d
routing         POST   /v1/calls/{call_id}/erase             calls.erase             m
reporting       GET    /v1/outcomes                          outcomes.list           doam
reporting       GET    /v1/calls/{call_id}                   outcomes.read-story     doam
reporting       GET    /v1/funnel                            outcomes.count          doam
reporting       GET    /v1/agreement                         outcomes.count          doam
reporting       GET    /v1/shadow                            outcomes.count          doam
reporting       GET    /v1/hourly                            outcomes.count          doam
reporting       GET    /v1/corrections                       outcomes.count          doam
reporting       GET    /v1/figures                           figures.read            doam
reporting       GET    /v1/figures/{name}                    figures.read            doam
reporting       GET    /v1/figures/{name}/rows               figures.open            doam
reporting       GET    /v1/dictionary                        figures.read            doam
gateway         GET    /v1/cases                             cases.list              pt
gateway         GET    /v1/events                            cases.stream            pt
gateway         GET    /v1/cases/{case_id}                   cases.read              pt
gateway         POST   /v1/cases/{case_id}/acknowledge       cases.acknowledge       pt
gateway         POST   /v1/cases/{case_id}/decline           cases.decline           pt
gateway         POST   /v1/cases/{case_id}/team-assigned     cases.assign-team       pt
gateway         POST   /v1/cases/{case_id}/en-route          cases.en-route          pt
gateway         POST   /v1/cases/{case_id}/close             cases.close             pt
gateway         POST   /v1/cases/{case_id}/contacted         cases.contacted         pt
gateway         POST   /v1/cases/{case_id}/question          cases.ask               pt
gateway         POST   /v1/cases/{case_id}/follow-up         cases.follow-up         pt
gateway         POST   /v1/cases/{case_id}/note              cases.note              pt
gateway         POST   /v1/cases/{case_id}/safety-event      cases.safety-event      pt
gateway         POST   /v1/cases/{case_id}/on-scene          cases.on-scene          pt
gateway         POST   /v1/cases/{case_id}/safety-check      cases.safety-check      pt
gateway         POST   /v1/cases/{case_id}/backup            cases.backup            pt
gateway         POST   /v1/cases/{case_id}/emergency         cases.emergency         pt
gateway         POST   /v1/cases/{case_id}/backup-arrived    cases.backup-arrived    pt
gateway         POST   /v1/cases/{case_id}/confirm-recall    cases.confirm-recall    pt
gateway         POST   /v1/cases/{case_id}/hand-back         cases.hand-back         pt
gateway         GET    /v1/follow-ups                        cases.list-follow-ups   pt
gateway         GET    /v1/safety-events                     cases.list-safety-events  pt
gateway         GET    /v1/expiries                          cases.list-expiries     pt
gateway         GET    /v1/shift                             shift.read              pt
gateway         PUT    /v1/shift                             shift.change            p
gateway         POST   /v1/shift/on                          shift.sign-on           pt
gateway         POST   /v1/shift/off                         shift.sign-off          pt
gateway         GET    /v1/webhooks                          webhooks.read           p
gateway         POST   /v1/webhooks                          webhooks.register       p
gateway         DELETE /v1/webhooks                          webhooks.remove         p
gateway         POST   /v1/webhooks/rotate                   webhooks.rotate         p
gateway         POST   /v1/webhooks/test                     webhooks.try            p
gateway         GET    /v1/webhooks/deliveries/{case_id}     webhooks.read-deliveries  p
agency-gateway  GET    /v1/webhooks                          webhooks.read           c
agency-gateway  POST   /v1/webhooks                          webhooks.register       c
agency-gateway  DELETE /v1/webhooks                          webhooks.remove         c
agency-gateway  POST   /v1/webhooks/rotate                   webhooks.rotate         c
agency-gateway  POST   /v1/webhooks/test                     webhooks.try            c
agency-gateway  GET    /v1/webhooks/deliveries/{call_id}     webhooks.read-deliveries  c
"""
"""Each documented verb: service, method, path, scope, and the letters of the roles that may."""
PAGES = """
routing    GET   /                                     desk.use              d
routing    GET   /desk                                 desk.use              d
routing    GET   /desk/queue                           desk.use              d
routing    GET   /desk/idle                            desk.use              d
routing    GET   /desk/all                             desk.use              d
routing    GET   /desk/new                             desk.use              d
routing    GET   /desk/person                          desk.use              d
routing    GET   /desk/hand-over                       desk.use              d
routing    GET   /desk/blind                           desk.use              d
routing    GET   /desk/calls/{id}                      desk.use              d
routing    GET   /desk/calls/{id}/timeline             desk.use              d
routing    GET   /desk/calls/{id}/reasons              desk.use              d
routing    GET   /desk/calls/{id}/act/review           desk.use              d
routing    GET   /desk/blind/{id}/act/eligible         desk.use              d
routing    POST  /desk/person                          desk.use              d
routing    POST  /desk/new/screen                      desk.use              d
routing    POST  /desk/new/send                        calls.post            cd
routing    POST  /desk/calls/{id}/review               desk.review           d
routing    POST  /desk/calls/{id}/direct/take_back     desk.direct           d
routing    POST  /desk/calls/{id}/clear                desk.clear-danger     d
routing    POST  /desk/calls/{id}/claim                desk.claim            d
routing    POST  /desk/calls/{id}/answer               desk.answer-question  d
routing    POST  /desk/calls/{id}/accept               calls.accept-handoff  cd
routing    POST  /desk/hand-over                       desk.hand-over        d
routing    POST  /desk/blind/{id}                      desk.decide-again     d
reporting  GET   /                                     reporting.use         doam
reporting  GET   /today                                reporting.use         doam
reporting  GET   /figures                              figures.read            doam
reporting  GET   /figures/outcomes                     figures.read            doam
reporting  GET   /figures/outcomes/rows?dimension=all&part=all&measure=calls  figures.open  doam
reporting  GET   /calls/{id}                           reporting.use         doam
reporting  GET   /board/calls/{id}                     reporting.use         doam
reporting  GET   /board/live                           reporting.use         doam
reporting  GET   /board/alarms                         reporting.use         doam
reporting  POST  /board/alarms                         reporting.acknowledge-alarm  dom
gateway    GET   /                                     portal.use            pt
gateway    GET   /who                                  portal.use            pt
gateway    GET   /live                                 portal.use            pt
gateway    GET   /cases/{id}                           portal.use            pt
gateway    GET   /follow-ups                           portal.use            pt
gateway    GET   /safety                               portal.use            pt
gateway    GET   /expiries                             portal.use            pt
gateway    GET   /shift                                shift.read            pt
gateway    POST  /who                                  portal.use            pt
gateway    POST  /cases/{id}/close                     portal.use            pt
gateway    POST  /cases/{id}/emergency                 portal.use            pt
gateway    POST  /cases/{id}/follow-up                 portal.use            pt
gateway    POST  /shift/on                             shift.sign-on         pt
gateway    POST  /shift/off                            shift.sign-off        pt
"""
"""Each page, and each form of one: likewise."""


def _read(table: str) -> Mapping[tuple[str, str, str], tuple[str, frozenset[Role]]]:
    """Return scope and roles by service, method and path."""
    rows = [line.split() for line in table.strip().splitlines()]
    return MappingProxyType(
        {
            (service, method, path): (scope, frozenset(LETTERS[one] for one in letters))
            for service, method, path, scope, letters in rows
        }
    )


MAY_DO = _read(VERBS)
"""Scope and roles of each documented verb."""
MAY_OPEN = _read(PAGES)
"""Scope and roles of each page and form."""


def by_scope() -> Mapping[str, frozenset[Role]]:
    """Return the roles of each scope; a scope that several services know is for those of each."""
    found: dict[str, frozenset[Role]] = {}
    for scope, roles in (*MAY_DO.values(), *MAY_OPEN.values()):
        found[scope] = found.get(scope, frozenset()) | roles
    return found
