"""Where a call goes next. Pure: what is remembered of it, what happened, the directory, the time.

``call`` is what is remembered, ``turn`` a step in the making. Steps: ``revisions`` (what CAD and triage said),
``cases`` (what providers said), ``desk`` (what people ordered), ``deadlines`` (what time brought), ``failures``. They
lead to ``decisions`` (what is to become of the call), ``offers`` (who is asked), ``promises`` (what must be accepted
or confirmed) and ``endings`` (the one outcome). ``directory`` is the policy, ``given`` what steps are given,
``codes`` how CAD names an ending, ``standing`` what people are shown. For the desk: ``attention`` (what waits for
somebody), ``claims`` (who looks after a call), ``screening`` (what is asked next) and ``rereviews`` (what the rules
decided, decided again).
"""
