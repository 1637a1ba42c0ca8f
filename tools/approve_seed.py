"""Back-test the seed triage policy over the sample evening and give it its seed approvals.

``python tools/approve_seed.py``, after any change to the seed policy, to how triage judges or to the sample evening:
a fresh stack takes the seed policy only with approvals of this very document. They are what makes a demonstration
start; a city gives its own (`divert policy approve`).
"""

import sys
from datetime import UTC, datetime

from divert_cli import corpus
from divert_cli.checkout import ROOT
from divert_cli.policy import approvals, backtest, files, recording
from divert_cli.policy.backtest import Entrant
from divert_cli.prepare import SEEDS
from divert_contracts.facts.policies import Approval
from divert_contracts.policy import ROLES
from divert_contracts.vocabulary import PolicyKind

SEEDED_AT = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> None:
    """Write the back-test and the approvals beside the seed policy."""
    policy = files.read(ROOT / SEEDS[PolicyKind.TRIAGE])
    report = backtest.run(recording.of_evening(), Entrant(files.triage_policy(policy.path), policy.digest), processes=1)
    backtest.beside(policy.path).write_bytes(report.canonical())
    read = corpus.read(corpus.load(corpus.CORPUS), corpus.seed_reader())
    given = tuple(
        Approval(
            role=role,
            by=f"seed-{role}",
            at=SEEDED_AT,
            backtest=report.sha256,
            digest=policy.digest,
            corpus=read.sha256,
        )
        for role in ROLES
    )
    approvals.write(approvals.beside(policy.path), given)
    sys.stdout.write(f"{policy.version}: back-test {report.sha256} over {report.recording.pictures} pictures\n")


if __name__ == "__main__":
    main()
