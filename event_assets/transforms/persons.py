"""Persons: ids that occur in one event belong to one person, over the whole history (docs/how-to/persons.md).

A link is an event that has both ids of a declared pair. An id of the pair's first column that is linked with more
than `max_ids` ids of the second links nothing: it is a device that many use. Persons are the connected components of
the other links, found by passing the least id along them until nothing changes.
"""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, declared

#: Between the column and the id of a node; no declared name contains it.
_APART = "\x1f"


def identity_links(inputs: Inputs, scope: Scope) -> Outputs:
    """identity_links of a date: its ids (`linked_column` is null), and those that one event has together.

    Input: cleaned_events of the date.
    """
    identity = declared(scope.dataset.identity)
    events = inputs["cleaned_events"].select(*scope.dated, *(_id(column) for column in identity.columns))
    rows = [_pairs(events, column, None, scope) for column in identity.columns]
    rows += [_pairs(events, column, other, scope) for column, other in identity.links]
    return scope.outputs(identity_links=nw.concat(rows).unique())


def identities(inputs: Inputs, scope: Scope) -> Outputs:
    """identities: the person of each id, and the date on which the id first occurs. Input: identity_links of all dates.

    Figures: ids, and overlinked (ids that link nothing, since they are linked with too many).
    """
    each = inputs["identity_links"].group_by("column", "id", "linked_column", "linked_id")
    rows = scope.ports.shared(each.agg(nw.col("event_date").min().alias("since")))
    seen = rows.filter(nw.col("linked_column").is_null()).with_columns(_node("column", "id").alias("node"))
    linked = rows.filter(~nw.col("linked_column").is_null())
    counts = linked.group_by("column", "id", "linked_column").agg(nw.len().alias("id count"))
    counts = counts.group_by("column", "id").agg(nw.col("id count").max())
    few = counts.filter(nw.col("id count") <= declared(scope.dataset.identity).max_ids).select("column", "id")
    links = linked.join(few, on=["column", "id"], how="inner").select(
        _node("column", "id").alias("node"), _node("linked_column", "linked_id").alias("other node")
    )
    both = nw.concat([links, links.select(nw.col("other node").alias("node"), nw.col("node").alias("other node"))])
    found = _components(seen.select("node"), scope.ports.shared(both.unique()), scope)
    members = scope.ports.shared(seen.join(found, on="node", how="inner").with_columns(_rank().alias("rank")))
    persons = members.group_by("least node").agg(nw.col("rank").min().str.slice(1).alias("person_id"))
    persons = members.join(persons, on="least node", how="inner")
    overlinked = counts.filter(nw.col("id count") > declared(scope.dataset.identity).max_ids)
    return scope.outputs(scope.counted(ids=seen, overlinked=overlinked), identities=persons)


def with_person(facts: Frame, identities: Frame, scope: Scope) -> Frame:
    """Facts with `person_id`: the person of the user, else of the event's first declared id; null without any id."""
    found = []
    for column in declared(scope.dataset.identity).columns:
        known = identities.filter(nw.col("column") == column)
        known = known.select(nw.col("id").alias(f"id {column}"), nw.col("person_id").alias(f"person {column}"))
        facts = facts.with_columns(nw.col(column).cast(nw.String).alias(f"id {column}"))
        facts = scope.ports.lookup(facts, known, [f"id {column}"])
        found.append(f"person {column}")
    return facts.with_columns(nw.coalesce(*found).alias("person_id"))


def _id(column: str) -> nw.Expr:
    return nw.col(column).cast(nw.String).alias(column)


def _pairs(events: Frame, column: str, other: str | None, scope: Scope) -> Frame:
    """The ids of a column, with the ids of another column in the same event."""
    present = ~nw.col(column).is_null()
    linked_id = nw.lit(None, nw.String) if other is None else nw.col(other)
    linked_column = nw.lit(None, nw.String) if other is None else nw.lit(other)
    rows = events.filter(present if other is None else present & ~nw.col(other).is_null())
    return rows.select(
        *scope.dated,
        nw.lit(column).alias("column"),
        nw.col(column).alias("id"),
        linked_column.alias("linked_column"),
        linked_id.alias("linked_id"),
    )


def _node(column: str, id_: str) -> nw.Expr:
    return nw.concat_str([nw.col(column), nw.col(id_)], separator=_APART)


def _rank() -> nw.Expr:
    """The id so that ids of users come before all others."""
    return nw.concat_str(
        [nw.when(nw.col("column") == "user_id").then(nw.lit("0")).otherwise(nw.lit("1")), nw.col("id")]
    )


def _components(nodes: Frame, links: Frame, scope: Scope) -> Frame:
    """Each node with the least node of its component. Inputs: node; node, `other node`, both ways.

    In each round a node takes the least that its neighbours have reached, and what that one has reached itself: so a
    chain of a thousand ids takes a dozen rounds.
    """
    found = nodes.select("node", nw.col("node").alias("least node"))
    while True:
        others = found.select(nw.col("node").alias("other node"), nw.col("least node").alias("other least"))
        near = links.join(others, on="other node", how="inner").group_by("node").agg(nw.col("other least").min())
        known = found.join(near, on="node", how="left")
        less = (nw.col("other least") < nw.col("least node")).fill_null(False)
        nearest = nw.when(less).then(nw.col("other least")).otherwise(nw.col("least node"))
        known = scope.ports.shared(known.select("node", nw.col("least node").alias("before"), nearest.alias("nearest")))
        further = known.select(nw.col("node").alias("nearest"), nw.col("nearest").alias("least node"))
        known = scope.ports.shared(known.join(further, on="nearest", how="inner"))
        found = known.select("node", "least node")
        if not len(known.filter(nw.col("before") != nw.col("least node")).head(1).collect()):
            return found
