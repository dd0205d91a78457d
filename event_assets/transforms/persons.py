"""Who is who: ids that one event holds together are one person's, over the whole history (SPEC §10, Persons).

A link is an event that has both ids of a declared pair. An id of the pair's first column that is linked with more
than `max_ids` ids of the second links nothing: it is a device that many use. Persons are the connected components of
the other links, found by passing the least label along them until nothing changes.
"""

from __future__ import annotations

import narwhals as nw

from event_assets.declaration import Dataset, Identity
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope

#: Between the column and the id of a node; no declared name holds it.
_APART = "\x1f"


def identity_links(inputs: Inputs, scope: Scope) -> Outputs:
    """identity_links of a date: its ids (`linked_column` is null), and those that one event has together.

    Input: cleaned_events of the date.
    """
    identity = _declared(scope.dataset)
    events = inputs["cleaned_events"].select(*scope.dated, *(_id(column) for column in identity.columns))
    rows = [_pairs(events, column, None, scope) for column in identity.columns]
    rows += [_pairs(events, column, other, scope) for column, other in identity.links]
    return Outputs({"identity_links": scope.shaped(nw.concat(rows).unique(), "identity_links")})


def identities(inputs: Inputs, scope: Scope) -> Outputs:
    """identities: the person of each id, and the date on which the id first occurs. Input: identity_links of all dates.

    Figures: ids, and overlinked (ids that link nothing, since they are linked with too many).
    """
    rows = scope.ports.held(inputs["identity_links"])
    seen = rows.filter(nw.col("linked_column").is_null())
    seen = seen.group_by("column", "id").agg(nw.col("event_date").min().alias("since"))
    seen = scope.ports.shared(seen.with_columns(_node("column", "id").alias("node")))
    linked = rows.filter(~nw.col("linked_column").is_null())
    linked = linked.select("column", "id", "linked_column", "linked_id").unique()
    counts = linked.group_by("column", "id").agg(nw.len().alias("id count"))
    few = counts.filter(nw.col("id count") <= _declared(scope.dataset).max_ids).select("column", "id")
    links = linked.join(few, on=["column", "id"], how="inner").select(
        _node("column", "id").alias("node"), _node("linked_column", "linked_id").alias("other node")
    )
    both = nw.concat([links, links.select(nw.col("other node").alias("node"), nw.col("node").alias("other node"))])
    labels = seen.select("node", _label().alias("label"))
    labels = _least_labels(scope.ports.shared(labels), scope.ports.shared(both.unique()), scope)
    persons = seen.join(labels, on="node", how="inner").with_columns(nw.col("label").str.slice(1).alias("person_id"))
    overlinked = counts.filter(nw.col("id count") > _declared(scope.dataset).max_ids)
    return Outputs({"identities": scope.shaped(persons, "identities")}, scope.counted(ids=seen, overlinked=overlinked))


def with_person(facts: Frame, identities: Frame, scope: Scope) -> Frame:
    """Facts with `person_id`: that of the user, else of the first declared id that the event has; null without any."""
    found = []
    for column in _declared(scope.dataset).columns:
        known = identities.filter(nw.col("column") == column)
        known = known.select(nw.col("id").alias(f"id {column}"), nw.col("person_id").alias(f"person {column}"))
        facts = facts.with_columns(nw.col(column).cast(nw.String).alias(f"id {column}"))
        facts = scope.ports.lookup(facts, known, [f"id {column}"])
        found.append(f"person {column}")
    return facts.with_columns(nw.coalesce(*found).alias("person_id"))


def _declared(dataset: Dataset) -> Identity:
    assert dataset.identity is not None
    return dataset.identity


def _id(column: str) -> nw.Expr:
    return nw.col(column).cast(nw.String).alias(column)


def _pairs(events: Frame, column: str, other: str | None, scope: Scope) -> Frame:
    """The ids of a column, with those of another that the same event holds."""
    held = ~nw.col(column).is_null()
    linked_id = nw.lit(None, nw.String) if other is None else nw.col(other)
    linked_column = nw.lit(None, nw.String) if other is None else nw.lit(other)
    rows = events.filter(held if other is None else held & ~nw.col(other).is_null())
    return rows.select(
        *scope.dated,
        nw.lit(column).alias("column"),
        nw.col(column).alias("id"),
        linked_column.alias("linked_column"),
        linked_id.alias("linked_id"),
    )


def _node(column: str, id_: str) -> nw.Expr:
    return nw.concat_str([nw.col(column), nw.col(id_)], separator=_APART)


def _label() -> nw.Expr:
    """The id so that ids of users come before all others."""
    return nw.concat_str(
        [nw.when(nw.col("column") == "user_id").then(nw.lit("0")).otherwise(nw.lit("1")), nw.col("id")]
    )


def _least_labels(labels: Frame, links: Frame, scope: Scope) -> Frame:
    """Each node with the least label of its component. Inputs: node, label; node, `other node`, both ways."""
    while True:
        others = labels.select(nw.col("node").alias("other node"), nw.col("label").alias("other label"))
        reached = links.join(others, on="other node", how="inner")
        least = reached.group_by("node").agg(nw.col("other label").min())
        known = labels.join(least, on="node", how="left")
        less = (nw.col("other label") < nw.col("label")).fill_null(False)
        passed = known.select(
            "node",
            nw.when(less).then(nw.col("other label")).otherwise(nw.col("label")).alias("label"),
            less.alias("is less"),
        )
        passed = scope.ports.shared(passed)
        labels = passed.select("node", "label")
        if not len(passed.filter(nw.col("is less")).head(1).collect()):
            return labels
