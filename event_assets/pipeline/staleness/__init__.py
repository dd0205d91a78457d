"""Which partitions are stale, why, and what a run therefore computes.

input_digest.py        what a partition would be computed from now, as one digest
remembered_digests.py  such digests that were computed already
stale_partitions.py    the partitions whose recorded digest differs from that
recorded_rules.py      the rules of the last time that nothing was stale: the cause that `plan` names
possibly_stale.py      the partitions that may become stale with the stale ones: an upper bound, for `plan`
schedule.py            which dates of a step a run computes, and which must wait
input_histories.py     what is remembered of inputs over many dates, so that their digests cost little:
  key_hashes.py          the keys of each date, as small files of hashes
  key_history.py         on which dates a key occurred before
  first_dates.py         the distinct rows of all dates, each with its first date
  validity_index.py      the rows of profiles and the like that are valid on a date
"""
