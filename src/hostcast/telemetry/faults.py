"""The faults that `prepare` can treat: what each is, and what is done about it, in words.

`docs/dirty-data.md` has one row for each, a test holds it against this table.
"""

from __future__ import annotations

from hostcast.telemetry.cleaning import LARGEST

__all__ = ["FAULTS", "LEFT_OUT", "MISSING"]

# the fault's name in the quality report -> issue ({detail} is filled in), treatment
FAULTS = {
    "skipped_file": ("file that can't be used: {detail}", "skipped (prepare.on_bad_file)"),
    "other_encoding": ("file in the encoding {detail}", "read as such"),
    "column_lacking_in_file": (
        "row of a file without this column, which other files have",
        "value counts as missing",
    ),
    "mixed_zones": (
        "timestamp that names no time zone, among others that do",
        "read in the zone of prepare.timezone",
    ),
    "mixed_epoch_units": (
        "timestamps in several units since 1970",
        "each read in the unit that its magnitude tells",
    ),
    "out_of_order": ("row with an earlier time than its server's row before it", "sorted by time"),
    "off_step": ("row whose time is not the start of a step", "put at the start of its step"),
    "renamed_server": ("row under a server's old name", "given the new name (prepare.rename_servers)"),
    "renamed_overlap": (
        "step of a server's old name that the new name, or another old one, has rows in, too",
        "merged with them; check prepare.rename_servers: these may be two servers",
    ),
    "exact_duplicates": ("row repeated with the same server, time and values", "kept once"),
    "conflicting_duplicates": (
        "rows of the same server and time with differing values",
        "replaced by the mean of the valid values",
    ),
    "same_step": (
        "several rows of a server within one step",
        "put at the step's start and replaced by the mean of the valid values",
    ),
    "after_not_after": ("row after prepare.not_after", "dropped"),
    "ambiguous_local_time": (
        "local time that the clock showed twice, as it was put back",
        "row dropped: its instant is unknown; write timestamps with their offset to keep it",
    ),
    "clock_skew": (
        "row that jumps past the end of the fleet by more than prepare.max_clock_skew",
        "dropped: the server's clock must be wrong",
    ),
    "nonexistent_local_time": (
        "local time that no clock showed, as it was put forward",
        "row dropped: check prepare.timezone, or write timestamps with their offset",
    ),
    "without_valid_value": ("row without one valid value", "dropped; its step counts as missing"),
    "missing_static": ("missing static value", "taken from the server's other rows"),
    "missing_value": ("value given as missing ({detail})", "missing"),
    "sentinel": ("number that stands for a missing value (prepare.sentinels)", "missing"),
    "no_total": ("value without a total to be a share of (prepare.units)", "missing"),
    "decimal_comma": ("number written with a comma", "read as prepare.decimal says"),
    "counter_starts": ("reading of a counter with none before it", "missing: there is no rate yet"),
    "counter_resets": ("counter that restarted from zero", "what it has counted since is its growth"),
    "counter_invalid": ("negative or infinite reading of a counter", "missing"),
    "counter_conflicts": ("differing readings of a counter at one time", "replaced by their mean"),
    "infinite": (
        f"infinite value, or one beyond {LARGEST:g}, which float32 can't square",
        "counted as missing",
    ),
    "below_range": ("value below prepare.ranges", "counted as missing"),
    "above_range": ("value above prepare.ranges", "counted as missing"),
    "missing_step": ("step without an observation", "kept as missing, not filled in"),
    "constant": ("column constant on a server", "kept"),
    "wholly_missing": ("column without a valid value on a server", "kept"),
    "joined_late": ("server that begins more than a day after the first", "kept from its first row on"),
    "gone_early": ("server that ends more than a day before the last", "kept up to its last row"),
    "sparse": (
        "server observed only every {detail} steps",
        "kept, the steps between are missing; a longer base.freq would close them",
    ),
    "suspicious_counter": (
        "column that only grows, like a counter",
        "kept; if it is a counter, name it in prepare.counters",
    ),
    "suspicious_fraction": (
        "column of % with values from 0 to 1 alone",
        "kept; if these are fractions, say so in prepare.units",
    ),
    "suspicious_no_percent": (
        "column of % with most values above 1,000",
        "counted as missing; if these are bytes, name the column of their total in prepare.units",
    ),
    "server_left_out": ("{detail}", "server left out"),
}
LEFT_OUT = "server_left_out"
# how a missing value came about -> the fault's name; what a whole file lacks is listed by file
MISSING = {
    **dict.fromkeys(("empty", "nan", "n/a", "null", "dash", "spreadsheet error"), "missing_value"),
    "sentinel": "sentinel",
    "no total": "no_total",
}
