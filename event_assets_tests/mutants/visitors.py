"""Faults in persons, traffic, channels, returning users and answers to questions."""

from __future__ import annotations

from event_assets_tests.mutants.mutant import mutant

_VISITORS = "event_assets_tests/transforms/test_visitors.py"
_LAKES = "event_assets_tests/pipeline/test_visitor_laws.py"
_RECOMPUTED = "event_assets_tests/pipeline/test_persons_and_cohorts.py"
_RECOMPUTED_CHANNELS = "event_assets_tests/pipeline/test_channels.py"
_TRAFFIC = "event_assets_tests/pipeline/test_traffic.py"
_ASK = "event_assets_tests/cli/test_ask.py"

VISITOR_MUTANTS = (
    # Persons
    mutant(
        "an id with as many links as allowed links nothing",
        "transforms/persons.py",
        'nw.col("id count") <= declared(scope.dataset.identity).max_ids',
        'nw.col("id count") < declared(scope.dataset.identity).max_ids',
        _VISITORS,
    ),
    mutant(
        "links with several columns are added up",
        "transforms/persons.py",
        'nw.col("id count").max()',
        'nw.col("id count").sum()',
        _VISITORS,
    ),
    mutant(
        "persons end at the ids that are linked directly",
        "transforms/persons.py",
        'if not len(known.filter(nw.col("before") != nw.col("least node")).head(1).collect()):',
        "if True:",
        _VISITORS,
    ),
    mutant(
        "a person has the least of all ids",
        "transforms/persons.py",
        'then(nw.lit("0"))',
        'then(nw.lit("1"))',
        _VISITORS,
    ),
    mutant(
        "an event is its last id's",
        "transforms/persons.py",
        "nw.coalesce(*found)",
        "nw.coalesce(*reversed(found))",
        _VISITORS,
    ),
    mutant(
        "an id occurs since its last date",
        "transforms/persons.py",
        'nw.col("event_date").min().alias("since")',
        'nw.col("event_date").max().alias("since")',
        _VISITORS,
    ),
    mutant(
        "facts are recomputed where an id is seen earlier",
        "pipeline/steps.py",
        'users_of="identity_links", values=("person_id",)',
        'users_of="identity_links"',
        _RECOMPUTED,
    ),
    mutant(
        "facts don't follow persons",
        "pipeline/steps.py",
        'Input("identities", users_of="identity_links", values=("person_id",))',
        'Input("identities", users_of="identity_links", values=("column",))',
        _RECOMPUTED,
        _LAKES,
    ),
    mutant(
        "erase takes the user's own id alone",
        "pipeline/erase.py",
        "    if workspace.dataset.identity is None:\n        return found\n",
        "    return found\n",
        _RECOMPUTED,
    ),
    mutant(
        "erase follows the links of the last run",
        "pipeline/erase.py",
        "    _materialize_identities(workspace)\n    ids",
        "    ids",
        _RECOMPUTED,
        _LAKES,
    ),
    # Traffic
    mutant(
        "a colleague's program is a bot",
        "transforms/traffic.py",
        'nw.when(internal).then(nw.lit("internal")).when(bot).then(nw.lit("bot"))',
        'nw.when(bot).then(nw.lit("bot")).when(internal).then(nw.lit("internal"))',
        _VISITORS,
    ),
    mutant(
        "gold counts bots",
        "transforms/traffic.py",
        'filter(nw.col("traffic").is_in([*traffic.count]))',
        'filter(nw.col("traffic") != "internal")',
        _VISITORS,
    ),
    mutant(
        "IPv4 addresses in IPv6 form are outside",
        "transforms/traffic.py",
        "(mapped or address) in network",
        "address in network",
        _TRAFFIC,
    ),
    # Channels
    mutant(
        "the look-back is one date longer",
        "transforms/first_and_last_touch.py",
        "nw.lit(dt.timedelta(days=scope.dataset.channels.lookback - 1))",
        "nw.lit(dt.timedelta(days=scope.dataset.channels.lookback))",
        _VISITORS,
    ),
    mutant(
        "sessions read touches of one date less than the look-back",
        "pipeline/steps.py",
        "before=channels.lookback - 1",
        "before=max(channels.lookback - 2, 0)",
        _VISITORS,
    ),
    mutant(
        "the last touch at the begin of the look-back doesn't count",
        "transforms/first_and_last_touch.py",
        '>= nw.col("window start")',
        '> nw.col("window start")',
        _VISITORS,
    ),
    mutant(
        "a campaign stays with later touches that have none",
        "transforms/first_and_last_touch.py",
        '(nw.col(name).fill_null(""), nw.lit(""))',
        '(nw.col(name), nw.lit(""))',
        _VISITORS,
    ),
    mutant(
        "touches at one instant in any order",
        "transforms/first_and_last_touch.py",
        '    by, order = ["user_id", "event_date"], ["start us", "session_id"]',
        '    by, order = ["user_id", "event_date"], ["start us"]',
        _VISITORS,
    ),
    mutant(
        "of events at a session's start the last tells its source",
        "transforms/channels.py",
        'agg(nw.col("event_id").min())',
        'agg(nw.col("event_id").max())',
        _VISITORS,
    ),
    mutant(
        "a session counts where any of its facts counts",
        "transforms/channels.py",
        'on=scope.by("session_id", "session_start"), how="semi"',
        'on=scope.by("session_id"), how="semi"',
        _VISITORS,
    ),
    mutant(
        "users of a channel are its sessions",
        "transforms/channels.py",
        'counted.select(*scope.by("channel", "user_id")).unique()',
        'counted.select(*scope.by("channel", "user_id"))',
        _VISITORS,
    ),
    mutant(
        "a site is its own referrer",
        "transforms/source_and_medium.py",
        "if own and (is_within(sender, own) or is_within(own, sender)):",
        "if sender == own:",
        _VISITORS,
    ),
    # Returning users
    mutant(
        "a week of active users has eight dates",
        "transforms/users_and_cohorts.py",
        '"week": WEEK,',
        '"week": WEEK + 1,',
        _VISITORS,
    ),
    mutant(
        "who came a week ago counts twice",
        "transforms/users_and_cohorts.py",
        "then(days - pause)",
        "then(days - pause - 1)",
        _VISITORS,
    ),
    mutant(
        "active users read one date less than four weeks",
        "pipeline/steps.py",
        "before=users_and_cohorts.MONTH - 1",
        "before=users_and_cohorts.MONTH - 2",
        _VISITORS,
    ),
    mutant(
        "weeks begin on Sunday",
        "transforms/users_and_cohorts.py",
        "_TO_MONDAY = 3 +",
        "_TO_MONDAY = 4 +",
        _VISITORS,
    ),
    mutant(
        "who comes on two dates of a week counts twice in it",
        "transforms/users_and_cohorts.py",
        "nw.when(again).then(0)",
        "nw.when(again).then(1)",
        _VISITORS,
    ),
    mutant(
        "cohorts don't follow a late first date",
        "pipeline/steps.py",
        'Input("first_seen", users_of="daily_users")',
        'Input("first_seen", users_of="daily_users", values=("user_id",))',
        _RECOMPUTED,
    ),
    # Accounting and answers
    mutant(
        "sessions by channel are not accounted for",
        "pipeline/steps.py",
        'equation=Equation("sessions", ("channel_summary.sessions", *([] if all_count else ["#left_out"]))),',
        "",
        _RECOMPUTED_CHANNELS,
    ),
    mutant(
        "facts are accounted for without bots",
        "pipeline/steps.py",
        'kinds = ("#human", "#bot", "#internal")',
        'kinds = ("#human", "#internal")',
        _TRAFFIC,
    ),
    mutant(
        "an answer counts bots",
        "warehouse/metrics.py",
        'if dataset.traffic else ""',
        'if not dataset.traffic else ""',
        _ASK,
    ),
    mutant(
        "users by one column are those by all of them",
        "warehouse/metrics.py",
        "f'\"dimension\" = {literal(by)}'",
        '""',
        _ASK,
    ),
    mutant(
        "an answer leaves out the last date",
        "warehouse/metrics.py",
        "AND {literal(str(last))}::DATE",
        "AND {literal(str(last))}::DATE - 1",
        _ASK,
    ),
)
